import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { DestinationStream, Logger } from 'pino';
import type { Config } from '../config.js';
import { readWebhookSecret } from '../drift/webhook-secret.js';
import { Catalogue } from '../models/catalogue.js';
import { type Repository, readRepository } from '../models/repository/read-repository.js';
import { assertDefaultModel, checkServing, readServing } from '../models/repository/read-serving.js';
import type { ReadServing } from '../models/repository/serving.js';
import { watchEventLoop } from '../monitoring/metrics/event-loop.js';
import { openMonitoring } from '../monitoring/monitoring.js';
import { type Clock, systemClock } from '../serving/clock.js';
import type { ExpressParts } from '../serving/express/express-runner.js';
import { descriptorsShort } from './descriptors.js';
import { Readiness } from './readiness.js';
import type { RecordsSide, RecordsSideOptions } from './records-side.js';
import { openSecurity } from './security.js';
import { createServingSide } from './serving-side.js';
import type { StartedWorkers } from './start-workers.js';

// Longest wait for a collector when the process ends.
const MAX_LAST_EXPORT_MS = 2000;

interface AppOptions {
  readonly config: Config;
  /** Where log lines go. */
  readonly logStream: DestinationStream;
  /** Time, for tests. */
  readonly clock?: Clock;
  /** The worker processes, which are the app's from here on. */
  readonly workers: StartedWorkers;
  /** Of the express lane, for tests. */
  readonly expressParts?: ExpressParts;
  /** Whether versions are opened as soon as the workers run, while the rest is built; else by {@link App.load}. */
  readonly loadsAtOnce?: boolean;
  /** See `RecordsSideOptions.entries`. */
  readonly recordsEntries?: RecordsSideOptions['entries'];
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
  /** Reads the files of keys and certificates again. */
  reload(): Promise<void>;
  /** Refuses new dies, answers those in flight, and ends the workers. */
  close(): Promise<void>;
  /** Ends the workers at once and hands on the last log lines, for when the process has to go. */
  kill(): void;
}

/**
 * Reads the model repository and builds every part: first what scores dies, which opens its versions
 * while this process loads and builds what listens.
 * @throws Fault with one line for each problem of the configuration or the repository
 */
export async function createApp(options: AppOptions): Promise<App> {
  try {
    return await build(options);
  } catch (error) {
    options.workers.pool.kill();
    throw error;
  }
}

async function build(options: AppOptions): Promise<App> {
  const { config, clock = systemClock } = options;
  const servingFile = resolve(config.SERVING_FILE ?? join(config.MODEL_REPOSITORY, 'serving.json'));
  const monitoring = openMonitoring(config, options.logStream, clock);
  const { logger } = monitoring;
  const [repository, servingAsRead, webhookSecret] = await Promise.all([
    readRepository(config.MODEL_REPOSITORY),
    readServing(servingFile),
    config.DRIFT_WEBHOOK_SECRET_FILE === undefined
      ? undefined
      : readWebhookSecret(config.DRIFT_WEBHOOK_SECRET_FILE),
  ]);
  const catalogue = createCatalogue(repository, servingAsRead);
  const records = await openRecordsSide({
    config,
    clock,
    monitoring,
    catalogue,
    entries: options.recordsEntries,
  });
  const security = await openSecurity({ config, clock, logger, onReloaded: records?.keysReloaded });
  const short = descriptorsShort(config.MAX_CONNECTIONS);
  if (short !== undefined) logger.warn({ reason: short }, 'too few file descriptors');
  for (const problem of repository.problems)
    logger.error({ problem }, 'a folder of the repository is no model');
  for (const [model, { reason }] of catalogue.faulty)
    logger.error({ model, reason }, 'serving.json is wrong about a model');

  const serving = await createServingSide({
    config,
    clock,
    monitoring,
    catalogue,
    folder: repository.folder,
    servingFile,
    webhookSecret,
    workers: options.workers,
    records,
    expressParts: options.expressParts,
    isReady: () => readiness.missing().length === 0,
  });
  // A failure is met in load().
  const loaded = options.loadsAtOnce === true ? serving.load() : undefined;
  loaded?.catch(() => {});
  const readiness = new Readiness({ ...serving, clock, recordsProblem: () => records?.problem() });
  const { createHttpSide } = await import('./http-side.js');
  const http = await createHttpSide({
    config,
    clock,
    monitoring,
    catalogue,
    serving,
    readiness,
    security,
    records,
  });

  let stopWatching = () => {};
  return {
    http: http.server,
    probeServer: http.probeServer,
    logger,
    catalogue,
    listen() {
      stopWatching = watchEventLoop(monitoring.registry, clock);
      return http.listen();
    },
    load: () => loaded ?? serving.load(),
    missing: () => readiness.missing(),
    drain: () => readiness.drain(),
    reload: () => security.reload(),
    async close() {
      readiness.drain();
      serving.stop();
      await http.close();
      // Half of what is left of the grace period, for the last spans: they must not cost a graceful end.
      const leftMs = Math.max(0, config.SHUTDOWN_GRACE_MS - readiness.drainingForMs);
      await serving.close(Math.min(MAX_LAST_EXPORT_MS, leftMs / 2));
      await records?.close();
      stopWatching();
      monitoring.flush();
    },
    kill() {
      serving.kill();
      records?.kill();
      monitoring.flush();
    },
  };
}

/** The log of records, where there is to be one; else nothing of it is loaded. */
async function openRecordsSide(parts: RecordsSideOptions): Promise<RecordsSide | undefined> {
  if (parts.config.RECORDS_DIR === undefined) return undefined;
  const { createRecordsSide } = await import('./records-side.js');
  return createRecordsSide(parts);
}

function createCatalogue({ versions, problems }: Repository, serving: ReadServing): Catalogue {
  const catalogue = new Catalogue(versions, serving);
  catalogue.folderProblems = problems;
  assertDefaultModel(
    serving.serving,
    catalogue.models().map(({ name }) => name),
  );
  catalogue.serve(checkServing(serving, (name) => catalogue.numbersOf(name)));
  return catalogue;
}
