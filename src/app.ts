import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { DestinationStream, Logger } from 'pino';
import type { Config } from './config.js';
import { DriftMonitor } from './drift/drift-monitor.js';
import { Webhook } from './drift/webhook.js';
import { readWebhookSecret } from './drift/webhook-secret.js';
import { Fault, Refusal } from './errors.js';
import { readApiKeys } from './http/plugins/api-keys.js';
import { createServer } from './http/server.js';
import { Catalogue } from './models/catalogue.js';
import type { ModelVersion } from './models/model-version.js';
import { readRepository } from './models/repository/read-repository.js';
import { createDriftLog } from './monitoring/drift-log.js';
import { LineBuffer } from './monitoring/line-buffer.js';
import { createLogger } from './monitoring/logger.js';
import { createDriftMetrics } from './monitoring/metrics/drift.js';
import { createHttpMetrics } from './monitoring/metrics/http.js';
import { createPredictionMetrics } from './monitoring/metrics/predictions.js';
import { createRegistry, renderMetrics } from './monitoring/metrics/registry.js';
import { createServingMetrics } from './monitoring/metrics/serving.js';
import { createPredictionLog, createRefusalLog } from './monitoring/prediction-log.js';
import { createWorkerLog } from './monitoring/worker-log.js';
import { Predictor } from './predictor.js';
import { Batcher } from './serving/batching/batcher.js';
import { type Clock, systemClock } from './serving/clock.js';
import { loadVersion } from './serving/load-version.js';
import { WorkerPool } from './serving/workers/pool.js';
import { DIEGATE_VERSION } from './version.js';

export interface AppOptions {
  readonly config: Config;
  /** Where log lines go. */
  readonly logStream: DestinationStream;
  /** Time, for tests. */
  readonly clock?: Clock;
  /** Compiled module that worker processes run, for tests. */
  readonly workerEntry?: string;
}

/** A whole diegate: built once from its configuration, every part wired here and nowhere else. */
export interface App {
  readonly http: FastifyInstance;
  readonly logger: Logger;
  readonly catalogue: Catalogue;
  /** Starts to listen: /health answers from here on, /ready says what is missing. */
  listen(): Promise<AddressInfo>;
  /**
   * Starts the workers and loads every version; ready when it resolves.
   * @throws Fault `invalid_model` or `worker_failed` with one line for each problem
   */
  load(): Promise<void>;
  /** Turns readiness off; dies are still answered. */
  drain(): void;
  /** Refuses new dies, answers those in flight, and ends the workers. */
  close(): Promise<void>;
  /** Ends the workers at once and hands on the last log lines, for when the process has to go. */
  kill(): void;
}

/**
 * Reads the model repository and builds every part.
 * @throws Fault with one line for each problem of the configuration or the repository
 */
export async function createApp({
  config,
  logStream,
  clock = systemClock,
  workerEntry,
}: AppOptions): Promise<App> {
  const [repository, apiKeys, webhookSecret] = await Promise.all([
    readRepository(config.MODEL_REPOSITORY),
    config.API_KEYS_FILE === undefined ? undefined : readApiKeys(config.API_KEYS_FILE),
    config.DRIFT_WEBHOOK_SECRET_FILE === undefined
      ? undefined
      : readWebhookSecret(config.DRIFT_WEBHOOK_SECRET_FILE),
  ]);
  const logger = createLogger(config, logStream);
  // The lines of requests are info; where that is not wanted none are made.
  const loggedShare = logger.isLevelEnabled('info') ? config.LOG_PREDICTIONS : 0;
  const requestLines = new LineBuffer((lines) => logStream.write(lines), clock.after);
  const writeLine = (line: string) => requestLines.add(line);
  const onObserverError = (error: unknown) => logger.error({ err: error }, 'an observer failed');
  const catalogue = new Catalogue(repository.versions, repository.serving);
  const registry = createRegistry();
  const servingMetrics = createServingMetrics(registry, {
    waitingDies: () => batcher.waitingDies(),
    readyWorkers: () => pool.ready,
  });
  const pool = new WorkerPool({
    workers: config.INFERENCE_WORKERS,
    intraOpThreads: config.INTRA_OP_THREADS,
    batchTimeoutMs: config.BATCH_TIMEOUT_MS,
    clock,
    observers: [createWorkerLog(logger), servingMetrics],
    onObserverError,
    ...(workerEntry === undefined ? {} : { entry: workerEntry }),
  });
  // Begun here, so that ONNX Runtime loads in the workers while this process builds its HTTP side; a
  // failure is met in load().
  const workersStarted = pool.start();
  workersStarted.catch(() => {});
  const batcher = new Batcher({
    runner: pool,
    clock,
    workers: config.INFERENCE_WORKERS,
    observers: [servingMetrics],
    onObserverError,
  });
  const driftLog = createDriftLog(logger);
  const webhook =
    config.DRIFT_WEBHOOK_URL === undefined || webhookSecret === undefined
      ? undefined
      : new Webhook({
          url: config.DRIFT_WEBHOOK_URL,
          secret: webhookSecret,
          clock,
          now: () => new Date(),
          random: Math.random,
          onSettled(outcome, event, reason) {
            driftMetrics.deliverySettled(outcome);
            driftLog.delivery(outcome, event, reason);
          },
        });
  const drift = new DriftMonitor({
    source: pool,
    clock,
    now: () => new Date(),
    settings: {
      windowMinutes: config.DRIFT_WINDOW_MINUTES,
      stepMinutes: config.DRIFT_STEP_MINUTES,
      minimumDies: config.DRIFT_MINIMUM_DIES,
    },
    observers: [driftLog.event, (event) => webhook?.send(event)],
    onError: onObserverError,
  });
  const driftMetrics = createDriftMetrics(registry, () => drift.summaries());
  const predictor = new Predictor({
    scorer: batcher,
    clock,
    groupsOf: (key, labels) => drift.groupsOf(key, labels),
    observers: [createPredictionMetrics(registry), createPredictionLog(writeLine, loggedShare)],
    onObserverError,
  });

  let draining = false;
  let closing = false;
  let requestsServed = 0;
  const startedAtMs = clock.nowMs();

  const missing = (): string[] => [
    ...(draining ? ['the server is draining'] : []),
    ...catalogue.notReady().map((key) => `${key} is not loaded`),
    ...(pool.ready === 0 ? [`0 of ${pool.size} workers are ready`] : []),
  ];
  const admit = (model: string | undefined, version: string | undefined): ModelVersion => {
    if (closing) throw new Refusal('draining', 'the server is shutting down', { retryAfterSeconds: 1 });
    const entry = catalogue.find(model, version);
    if (entry.state !== 'ready') {
      throw new Refusal('model_not_ready', `${entry.version.key} is still being loaded`, {
        retryAfterSeconds: 1,
      });
    }
    batcher.assertRoom(entry.version.key, 1);
    return entry.version;
  };

  const http = await createServer({
    logger,
    clock,
    catalogue,
    predictor,
    admit,
    drift,
    isDraining: () => draining,
    probes: {
      version: DIEGATE_VERSION,
      isModelLoaded: () => catalogue.find().state === 'ready',
      missing,
      uptimeSeconds: () => Math.round(clock.nowMs() - startedAtMs) / 1000,
      requestsServed: () => requestsServed,
    },
    metrics: { render: (format) => renderMetrics(registry, format) },
    observers: [
      createHttpMetrics(registry),
      createRefusalLog(writeLine, loggedShare),
      () => {
        requestsServed++;
      },
    ],
    apiKeys,
    limits: {
      maxBodyBytes: config.MAX_BODY_BYTES,
      maxBatchDies: config.MAX_BATCH_DIES,
      requestTimeoutMs: config.REQUEST_TIMEOUT_MS,
      keepAliveTimeoutMs: config.KEEP_ALIVE_TIMEOUT_MS,
      ratePerSecond: config.RATE_LIMIT_PER_SECOND,
    },
  });

  return {
    http,
    logger,
    catalogue,
    async listen() {
      try {
        await http.listen({ host: config.HOST, port: config.PORT });
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Fault(
          'invalid_config',
          [`cannot listen on HOST ${config.HOST}, PORT ${config.PORT}: ${reason}`],
          error,
        );
      }
      const address = http.server.address();
      if (address === null || typeof address === 'string') throw new Error('the server has no TCP address');
      return address;
    },
    async load() {
      await workersStarted;
      const problems: string[] = [];
      for (const version of repository.versions) {
        try {
          const report = await loadVersion(version, { pool, batcher, clock });
          drift.add(version);
          catalogue.markReady(version, report);
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          problems.push(...error.problems);
        }
      }
      if (problems.length > 0) throw new Fault('invalid_model', problems);
      drift.start();
    },
    drain() {
      draining = true;
    },
    async close() {
      draining = true;
      closing = true;
      await http.close();
      drift.close();
      webhook?.close();
      await pool.close();
      requestLines.flush();
    },
    kill() {
      drift.close();
      webhook?.close();
      pool.kill();
      requestLines.flush();
    },
  };
}
