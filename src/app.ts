import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { DestinationStream, Logger } from 'pino';
import type { Config } from './config.js';
import { Fault, Refusal } from './errors.js';
import { createProbeServer } from './http/probe-server.js';
import { createServer } from './http/server.js';
import { Catalogue } from './models/catalogue.js';
import type { ModelVersion } from './models/model-version.js';
import { readRepository } from './models/repository/read-repository.js';
import { LineBuffer } from './monitoring/line-buffer.js';
import { createLogger } from './monitoring/logger.js';
import { createHttpMetrics } from './monitoring/metrics/http.js';
import { createPredictionMetrics } from './monitoring/metrics/predictions.js';
import { createRegistry, renderMetrics } from './monitoring/metrics/registry.js';
import { createServingMetrics } from './monitoring/metrics/serving.js';
import { createPredictionLog, createRefusalLog } from './monitoring/prediction-log.js';
import { createWorkerLog } from './monitoring/worker-log.js';
import { Predictor } from './predictor.js';
import { openSecurity } from './security.js';
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
  const logger = createLogger(config, logStream);
  const repository = await readRepository(config.MODEL_REPOSITORY);
  const security = await openSecurity({ config, clock, logger });
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
  const predictor = new Predictor({
    scorer: batcher,
    clock,
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

  const probes = {
    version: DIEGATE_VERSION,
    isModelLoaded: () => catalogue.find().state === 'ready',
    missing,
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
    admit,
    isDraining: () => draining,
    probes,
    metrics,
    observers: [
      createHttpMetrics(registry),
      ...(logger.isLevelEnabled('info') ? [createRefusalLog(writeLine, loggedShare)] : []),
      () => {
        requestsServed++;
      },
    ],
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
  const probeServer =
    config.PROBE_PORT === undefined
      ? undefined
      : await createProbeServer({
          ...timeouts,
          logger,
          probes,
          metrics: config.METRICS_ACCESS === 'open' ? metrics : undefined,
        });

  return {
    http,
    probeServer,
    logger,
    catalogue,
    async listen() {
      const address = await listenOn(http, config, 'PORT');
      if (probeServer !== undefined) await listenOn(probeServer, config, 'PROBE_PORT');
      return address;
    },
    async load() {
      await workersStarted;
      const problems: string[] = [];
      for (const version of repository.versions) {
        try {
          catalogue.markReady(version, await loadVersion(version, { pool, batcher, clock }));
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          problems.push(...error.problems);
        }
      }
      if (problems.length > 0) throw new Fault('invalid_model', problems);
    },
    drain() {
      draining = true;
    },
    async close() {
      draining = true;
      closing = true;
      await http.close();
      await probeServer?.close();
      security.stop();
      await pool.close();
      requestLines.flush();
    },
    kill() {
      pool.kill();
      requestLines.flush();
    },
  };
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
