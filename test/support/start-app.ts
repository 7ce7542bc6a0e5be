import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { z } from 'zod';
import { readConfig } from '../../src/config.js';
import { type App, createApp } from '../../src/server/app.js';
import { startWorkers } from '../../src/server/start-workers.js';
import { type Clock, systemClock } from '../../src/serving/clock.js';
import { fillRepository, type TestVersion } from './models.js';

/** The compiled worker: a process cannot be forked from TypeScript. */
const WORKER_ENTRY = fileURLToPath(new URL('../../dist/serving/workers/worker.js', import.meta.url));

const RECORDS_ENTRIES = {
  writer: fileURLToPath(new URL('../../dist/records/writer-thread.js', import.meta.url)),
  lookUp: fileURLToPath(new URL('../../dist/records/look-up-thread.js', import.meta.url)),
};

const LineSchema = z.looseObject({ level: z.string(), msg: z.string() });
export type LogLine = z.infer<typeof LineSchema>;

/** The same of the thread that watches the express lane. */
const WATCHDOG_THREAD = new URL('../../dist/serving/express/watchdog-thread.js', import.meta.url);

/** A whole diegate in this process, listening on a free port of 127.0.0.1. */
export interface StartedApp {
  readonly app: App;
  readonly port: number;
  readonly url: string;
  /** Folder of its model repository. */
  readonly repository: string;
  readonly log: LogCollector;
  stop(): Promise<void>;
}

/** What an app logs: JSON lines, as they come. */
export class LogCollector {
  readonly lines: LogLine[] = [];
  readonly #events = new EventEmitter();

  write(text: string): void {
    for (const line of text.split('\n')) {
      if (line !== '') this.lines.push(LineSchema.parse(JSON.parse(line)));
    }
    this.#events.emit('line');
  }

  /** The first line that `matches`, now or as soon as it comes. */
  async line(matches: (line: LogLine) => boolean): Promise<LogLine> {
    for (;;) {
      const found = this.lines.find(matches);
      if (found !== undefined) return found;
      await once(this.#events, 'line');
    }
  }
}

/** What an app under test is given. */
export interface StartOptions {
  readonly versions?: readonly TestVersion[];
  /** A repository that is there already, and stays; made of `versions` if left out. */
  readonly repository?: string;
  readonly clock?: Clock;
  readonly environment?: Readonly<Record<string, string>>;
  readonly serving?: unknown;
  /** Whether to load the models; ready when started unless false. */
  readonly load?: boolean;
}

async function start(options: StartOptions): Promise<StartedApp> {
  const { versions = [], environment, serving, load = true, clock } = options;
  const repository = options.repository ?? (await mkdtemp(join(tmpdir(), 'diegate-app-')));
  if (options.repository === undefined) await fillRepository(repository, versions, serving);
  const log = new LogCollector();
  const config = readConfig({
    HOST: '127.0.0.1',
    PORT: '0',
    INFERENCE_WORKERS: '1',
    MODEL_REPOSITORY: repository,
    ...environment,
  });
  const app = await createApp({
    config,
    logStream: log,
    recordsEntries: RECORDS_ENTRIES,
    workers: startWorkers({ config, clock: clock ?? systemClock, entry: WORKER_ENTRY }),
    expressParts: { watchdogThread: WATCHDOG_THREAD },
    ...(clock === undefined ? {} : { clock }),
  });
  const { port } = await app.listen();
  if (load) await app.load();
  const stop = async () => {
    await app.close();
    if (options.repository === undefined) await rm(repository, { recursive: true, force: true });
  };
  return { app, port, url: `http://127.0.0.1:${port}`, repository, log, stop };
}

/** An app for one test, which ends with it. */
export async function startApp(options: StartOptions): Promise<StartedApp> {
  const started = await start(options);
  onTestFinished(() => started.stop());
  return started;
}

/** One app for all tests of the suite; the function gives it to a test. */
export function appForSuite(options: () => StartOptions): () => StartedApp {
  let started: StartedApp | undefined;
  beforeAll(async () => {
    started = await start(options());
  });
  afterAll(async () => {
    await started?.stop();
  });
  return () => {
    if (started === undefined) throw new Error('the app of the suite has not been started');
    return started;
  };
}
