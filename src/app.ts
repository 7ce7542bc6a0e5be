import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { DestinationStream, Logger } from 'pino';
import type { Config } from './config.js';
import { DriftMonitor } from './drift/drift-monitor.js';
import { Webhook } from './drift/webhook.js';
import { readWebhookSecret } from './drift/webhook-secret.js';
import { Fault, Refusal } from './errors.js';
import { InferStatistics } from './http/oip/statistics.js';
import { createProbeServer } from './http/probe-server.js';
import { createServer } from './http/server.js';
import { createLifecycle } from './lifecycle/lifecycle.js';
import { Catalogue } from './models/catalogue.js';
import type { ModelVersion } from './models/model-version.js';
import { type Repository, readRepository } from './models/repository/read-repository.js';
import {
  assertDefaultModel,
  checkServing,
  type ReadServing,
  readServing,
} from './models/repository/read-serving.js';
import { createConnectionLog } from './monitoring/connection-log.js';
import { createDriftLog } from './monitoring/drift-log.js';
import { LineBuffer } from './monitoring/line-buffer.js';
import { createLogger } from './monitoring/logger.js';
import { createConnectionMetrics } from './monitoring/metrics/connections.js';
import { createDecodingMetrics } from './monitoring/metrics/decoding.js';
import { createDriftMetrics } from './monitoring/metrics/drift.js';
import { watchEventLoop } from './monitoring/metrics/event-loop.js';
import { createHttpMetrics } from './monitoring/metrics/http.js';
import { createModelMetrics } from './monitoring/metrics/models.js';
import { createOutcomeMetrics } from './monitoring/metrics/outcomes.js';
import { createPredictionMetrics } from './monitoring/metrics/predictions.js';
import { createRegistry, renderMetrics } from './monitoring/metrics/registry.js';
import { createServingMetrics } from './monitoring/metrics/serving.js';
import { createTracingMetrics } from './monitoring/metrics/tracing.js';
import { createTrafficMetrics } from './monitoring/metrics/traffic.js';
import { createPredictionLog, createRefusalLog } from './monitoring/prediction-log.js';
import { createWorkerLog } from './monitoring/worker-log.js';
import { Predictor } from './prediction/predictor.js';
import { Admission } from './routing/admission.js';
import { Experiments } from './routing/experiments.js';
import { ShadowRunner } from './routing/shadow-runner.js';
import { Targets } from './routing/targets.js';
import { VersionFallbacks } from './routing/version-fallbacks.js';
import { openSecurity } from './security.js';
import { Batcher } from './serving/batching/batcher.js';
import { type Clock, systemClock } from './serving/clock.js';
import { WorkerPool } from './serving/workers/pool.js';
import { startTracing } from './tracing/start-tracing.js';
import { DIEGATE_VERSION } from './version.js';

// Longest wait for a collector when the process ends.
const MAX_LAST_EXPORT_MS = 2000;

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
  /** What answers probes over plain HTTP; undefined without PROBE_PORT. */
  readonly probeServer: FastifyInstance | undefined;
  readonly logger: Logger;
  readonly catalogue: Catalogue;
  /** Starts to listen: /health answers from here on, /ready says what is missing. */
  listen(): Promise<AddressInfo>;
  /**
   * Starts the workers and loads every version; ready when it resolves.
   * @throws Fault `invalid_model` or `worker_failed` with one line for each problem
   */
  load(): Promise<void>;
  /** What keeps GET /ready from answering 200; empty when it does. */
  missing(): string[];
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
  const servingFile = resolve(config.SERVING_FILE ?? join(config.MODEL_REPOSITORY, 'serving.json'));
  const logger = createLogger(config, logStream);
  const [repository, servingAsRead, webhookSecret] = await Promise.all([
    readRepository(config.MODEL_REPOSITORY),
    readServing(servingFile),
    config.DRIFT_WEBHOOK_SECRET_FILE === undefined
      ? undefined
      : readWebhookSecret(config.DRIFT_WEBHOOK_SECRET_FILE),
  ]);
  const security = await openSecurity({ config, clock, logger });
  // The lines of requests are info; where that is not wanted none are made.
  const loggedShare = logger.isLevelEnabled('info') ? config.LOG_PREDICTIONS : 0;
  const requestLines = new LineBuffer((lines) => logStream.write(lines), clock.after);
  const writeLine = (line: string) => requestLines.add(line);
  const onObserverError = (error: unknown) => logger.error({ err: error }, 'an observer failed');
  const catalogue = createCatalogue(repository, servingAsRead);
  catalogue.folderProblems = repository.problems;
  for (const problem of repository.problems)
    logger.error({ problem }, 'a folder of the repository is no model');
  for (const [model, { reason }] of catalogue.faulty)
    logger.error({ model, reason }, 'serving.json is wrong about a model');
  const registry = createRegistry();
  const loaded = (): ModelVersion[] =>
    catalogue
      .entries()
      .flatMap(({ version, state }) => (state === 'ready' && version !== undefined ? [version] : []));
  const servingMetrics = createServingMetrics(registry, {
    waitingDies: () => batcher.waitingDies(),
    queueCapacities: () => batcher.capacityDies(),
    readyWorkers: () => pool.ready,
    isReady: () => missing().length === 0,
  });
  const tracing = await startTracing(config, {
    clock,
    logger,
    createObserver: () => createTracingMetrics(registry),
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
  const statistics = new InferStatistics(() => Date.now());
  const batcher = new Batcher({
    runner: pool,
    clock,
    workers: config.INFERENCE_WORKERS,
    observers: [servingMetrics, statistics, ...(tracing === undefined ? [] : [tracing.batching])],
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
  const experiments = new Experiments(catalogue, () => new Date());
  createModelMetrics(registry, () => catalogue.entries());
  const trafficMetrics = createTrafficMetrics(registry);
  const lifecycle = createLifecycle({
    folder: repository.folder,
    servingFile,
    catalogue,
    pool,
    batcher,
    clock,
    logger,
    loadObservers: [
      {
        versionLoaded: ({ version }) => version && drift.add(version),
        versionUnloaded: ({ key }) => drift.remove(key),
      },
    ],
    lazyBudgetBytes: config.LAZY_MEMORY_MB * 1024 * 1024,
    watchEveryMs: config.REPOSITORY_WATCH_MS,
    onTrafficChange: (model) => experiments.reset(model),
    onCanaryEvent: (model, event) => logger.warn({ model, ...event }, 'canary'),
  });
  const shadows = new ShadowRunner({
    submit: (key, call) => batcher.submitShadow(key, call),
    clock,
    catalogue,
    experiments,
    observers: [trafficMetrics],
    onError: onObserverError,
  });
  const predictor = new Predictor({
    scorer: batcher,
    clock,
    groupsOf: (key, labels) => drift.groupsOf(key, labels),
    fallbacks: new VersionFallbacks({
      catalogue,
      clock,
      readyWorkers: () => pool.ready,
      onCircuit: ({ key, name, version }, circuit, reason) => {
        logger.warn({ version: key, circuit, reason }, 'circuit');
        if (circuit === 'open') lifecycle.canaries.circuitOpened(name, version);
      },
    }),
    observers: [
      createPredictionMetrics(registry),
      createPredictionLog(writeLine, loggedShare),
      trafficMetrics.predicted,
      experiments.predicted,
      lifecycle.canaries.predicted,
      shadows.predicted,
      ({ version, predictions, latencyMs }) =>
        statistics.answered(version.key, predictions.length, latencyMs),
    ],
    failureObservers: [
      experiments.failed,
      lifecycle.canaries.failed,
      ({ key }, _dies, _request, latencyMs) => statistics.failed(key, latencyMs),
    ],
    onObserverError,
  });

  let stopWatching = () => {};
  let closing = false;
  let requestsServed = 0;
  let drainingSinceMs: number | undefined;
  const isDraining = () => drainingSinceMs !== undefined;
  const startedAtMs = clock.nowMs();

  const targets = new Targets(catalogue);
  const admission = new Admission({
    targets,
    clock,
    assertRoom: (key, dies) => batcher.assertRoom(key, dies),
    lazy: lifecycle.lazy,
    lazyWaitMs: config.LAZY_WAIT_MS,
    isClosing: () => closing,
    onError: onObserverError,
  });
  const defaultProblem = (): string | undefined => {
    try {
      admission.check(undefined, undefined);
      return undefined;
    } catch (error) {
      if (error instanceof Refusal) return error.message;
      throw error;
    }
  };
  const missing = (): string[] => {
    const loading = lifecycle.missing().map((key) => `${key} is not loaded`);
    const problem = loading.length === 0 ? defaultProblem() : undefined;
    return [
      ...(isDraining() ? ['the server is draining'] : []),
      ...loading,
      ...(problem === undefined ? [] : [problem]),
      ...(pool.ready === 0 ? [`0 of ${pool.size} workers are ready`] : []),
    ];
  };

  const probes = {
    version: DIEGATE_VERSION,
    isModelLoaded: () => defaultProblem() === undefined,
    missing,
    failed: () => failedVersions(catalogue),
    uptimeSeconds: () => Math.round(clock.nowMs() - startedAtMs) / 1000,
    requestsServed: () => requestsServed,
  };
  const metrics = {
    render: (format: 'prometheus' | 'openmetrics') => renderMetrics(registry, format),
  };
  const timeouts = {
    requestTimeoutMs: config.REQUEST_TIMEOUT_MS,
    keepAliveTimeoutMs: config.KEEP_ALIVE_TIMEOUT_MS,
  };
  const http = await createServer({
    logger,
    clock,
    catalogue,
    predictor,
    admit: (model, version) => admission.admit(model, version),
    target: (model, version) => targets.of(model, version),
    renew: (target) => admission.renew(target),
    experiments,
    changes: lifecycle.changes,
    statistics,
    drift,
    isDraining,
    probes,
    metrics,
    observers: [
      createHttpMetrics(registry),
      ...(logger.isLevelEnabled('info') ? [createRefusalLog(writeLine, loggedShare)] : []),
      () => {
        requestsServed++;
      },
    ],
    tracer: tracing?.tracer,
    onDecoded: createDecodingMetrics(registry),
    onOutcomes: createOutcomeMetrics(registry, loaded),
    security,
    limits: {
      ...timeouts,
      maxBodyBytes: config.MAX_BODY_BYTES,
      maxBatchDies: config.MAX_BATCH_DIES,
      ratePerEquipment: config.RATE_LIMIT_PER_SECOND,
      ratePerCaller: config.CALLER_RATE_LIMIT_PER_SECOND,
      maxConnections: config.MAX_CONNECTIONS,
      maxBufferedBytes: config.MAX_BUFFERED_BYTES,
    },
  });
  security.secure(http.server);
  const connectionLog = createConnectionLog(logger, () => clock.nowMs(), config.MAX_CONNECTIONS);
  const connectionRefused = createConnectionMetrics(registry, http.server);
  http.server.on('drop', () => {
    connectionRefused();
    connectionLog();
  });
  const probeServer =
    config.PROBE_PORT === undefined
      ? undefined
      : await createProbeServer({
          ...timeouts,
          logger,
          probes,
          metrics: config.METRICS_ACCESS === 'open' ? metrics : undefined,
        });

  const drain = () => {
    drainingSinceMs ??= clock.nowMs();
  };
  /** Half of what is left of the grace period, for the last spans: they must not cost a graceful end. */
  const lastExportMs = () => {
    const goneMs = clock.nowMs() - (drainingSinceMs ?? clock.nowMs());
    return Math.min(MAX_LAST_EXPORT_MS, Math.max(0, config.SHUTDOWN_GRACE_MS - goneMs) / 2);
  };

  return {
    http,
    probeServer,
    logger,
    catalogue,
    async listen() {
      stopWatching = watchEventLoop(registry, clock);
      const address = await listenOn(http, config, 'PORT');
      if (probeServer !== undefined) await listenOn(probeServer, config, 'PROBE_PORT');
      return address;
    },
    async load() {
      await workersStarted;
      await lifecycle.start();
      drift.start();
    },
    missing,
    drain,
    async close() {
      drain();
      closing = true;
      lifecycle.stop();
      await http.close();
      drift.close();
      webhook?.close();
      await probeServer?.close();
      security.stop();
      await Promise.all([pool.close(), tracing?.close(lastExportMs())]);
      stopWatching();
      requestLines.flush();
    },
    kill() {
      lifecycle.stop();
      drift.close();
      webhook?.close();
      pool.kill();
      requestLines.flush();
    },
  };
}

function createCatalogue({ versions }: Repository, serving: ReadServing): Catalogue {
  const catalogue = new Catalogue(versions, serving);
  assertDefaultModel(
    serving.serving,
    catalogue.models().map(({ name }) => name),
  );
  catalogue.serve(checkServing(serving, (name) => catalogue.numbersOf(name)));
  return catalogue;
}

/** Versions and models that take no traffic, and why. */
function failedVersions(catalogue: Catalogue): string[] {
  const versions = catalogue
    .entries()
    .flatMap(({ key, state, reason }) => (state === 'failed' ? [reason ?? `${key} has failed`] : []));
  const models = Array.from(catalogue.faulty.values(), ({ reason }) => reason);
  return [...versions, ...models, ...catalogue.folderProblems];
}

/** @throws Fault `invalid_config` where the setting's port cannot be listened on */
async function listenOn(
  server: FastifyInstance,
  config: Config,
  setting: 'PORT' | 'PROBE_PORT',
): Promise<AddressInfo> {
  const port = config[setting] ?? 0;
  try {
    await server.listen({
      host: config.HOST,
      port,
      // Fastify's own words, but for the scheme, which it cannot know.
      listenTextResolver: (address) => {
        const secure = setting === 'PORT' && config.TLS_CERT_FILE !== undefined;
        return `Server listening at ${secure ? address.replace(/^http:/, 'https:') : address}`;
      },
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault(
      'invalid_config',
      [`cannot listen on HOST ${config.HOST}, ${setting} ${port}: ${reason}`],
      error,
    );
  }
  const address = server.server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP address');
  return address;
}
