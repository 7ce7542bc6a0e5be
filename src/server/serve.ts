import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';
import closeWithGrace from 'close-with-grace';
import { type Config, type Environment, readConfig } from '../config.js';
import { type LogStream, openLog } from '../monitoring/log-stream.js';
import { systemClock } from '../serving/clock.js';
import { DIEGATE_VERSION } from '../version.js';
import type { App } from './app.js';
import { letHeapGrow } from './heap.js';
import { startWorkers } from './start-workers.js';

const MAX_LOG_BACKLOG_BYTES = 64 * 1024 * 1024;
// How long the exit waits for a reader that does not take the last log lines.
const LAST_WRITE_MS = 200;
// npm and some service managers pass a signal on that the process has had already.
const SAME_SIGNAL_MS = 1000;
const ENDING_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * The server process, from its environment to its exit code: 0 after a graceful end, 1 otherwise.
 * @throws Fault with one line for each problem that keeps it from starting
 */
export async function serve(environment: Environment): Promise<void> {
  letHeapGrow();
  const config = readConfig(environment);
  const logStream = openLog(1, MAX_LOG_BACKLOG_BYTES);
  const running: Running = { app: undefined, isEnding: false };
  // Before anything is started, so that a signal at any moment is an end like any other.
  endGracefully(running, config, logStream);
  const workers = startWorkers({ config, clock: systemClock });
  process.on('exit', () => {
    workers.pool.kill();
    running.app?.kill();
    logStream.finish(LAST_WRITE_MS);
  });
  const { createApp } = await import('./app.js');
  const app = await createApp({ config, logStream, workers, loadsAtOnce: true });
  running.app = app;
  const { port } = await app.listen();
  try {
    await app.load();
  } catch (error) {
    // An end during the load takes the workers away from it: no fault of any model.
    if (!running.isEnding) throw error;
  }
  if (running.isEnding) return;
  const started = { version: DIEGATE_VERSION, port, models: app.catalogue.models().map(({ name }) => name) };
  const missing = app.missing();
  if (missing.length === 0) app.logger.info(started, 'ready');
  else app.logger.warn({ ...started, missing }, 'not ready');
  greet(config, port, app, missing);
}

/**
 * On SIGTERM or SIGINT: not ready at once, serving on for SHUTDOWN_DELAY_MS (a terminal's Ctrl-C does
 * not wait), then no new connections, the dies in flight answered, exit 0. A second signal, or the
 * end of SHUTDOWN_GRACE_MS, ends the process at once with exit code 1. The same signal again within a second
 * is no second one. SIGHUP is an end like Ctrl-C where there is a terminal, which has then been closed; a server without
 * one reads its files of keys and certificates again, as other daemons do.
 */
function endGracefully(running: Running, config: Config, logStream: LogStream): void {
  const logger = { error: (message: unknown) => running.app?.logger.error(message) };
  let first: { readonly signal: NodeJS.Signals; readonly atMs: number } | undefined;
  // close-with-grace ends the process at every second signal, so these two are handled here.
  const options = { delay: config.SHUTDOWN_GRACE_MS, logger, skip: [...ENDING_SIGNALS, 'SIGHUP' as const] };
  const ending = closeWithGrace(options, async ({ signal = first?.signal, err }) => {
    running.isEnding = true;
    const { app } = running;
    if (app === undefined) {
      if (err) process.stderr.write(`diegate: ${err.stack ?? err.message}\n`);
      return;
    }
    if (err) app.logger.fatal({ err }, 'unexpected error, shutting down');
    else app.logger.info({ signal }, 'shutting down');
    app.drain();
    if (signal === 'SIGTERM') await sleep(config.SHUTDOWN_DELAY_MS);
    await app.close();
    app.logger.info('stopped');
    await logStream.drained(LAST_WRITE_MS);
  });
  const onSignal = (signal: NodeJS.Signals) => {
    if (!running.isEnding) {
      first = { signal, atMs: performance.now() };
      ending.close();
    } else if (signal !== first?.signal || performance.now() - first.atMs >= SAME_SIGNAL_MS) {
      logger.error(`second ${signal}, exiting`);
      process.exit(1);
    }
  };
  for (const signal of ENDING_SIGNALS) process.on(signal, onSignal);
  process.on('SIGHUP', (signal) => {
    if (hasTerminal()) onSignal(signal);
    else if (running.app !== undefined && !running.isEnding) {
      running.app.logger.info({ signal }, 'reading keys and certificates again');
      void running.app.reload();
    }
  });
}

/** Whose closing a SIGHUP then tells of. */
function hasTerminal(): boolean {
  return [0, 1, 2].some((fd) => isatty(fd));
}

/** What the end of the process needs to know of its beginning. */
interface Running {
  /** Undefined until it has been built. */
  app: App | undefined;
  isEnding: boolean;
}

/** What a person wants to know first; on stderr, because stdout is the log. */
function greet(config: Config, port: number, app: App, missing: readonly string[]): void {
  const { HOST: host } = config;
  const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  const url = `${config.TLS_CERT_FILE === undefined ? 'http' : 'https'}://${shown}:${port}`;
  const model = app.catalogue.defaultModel;
  const credential = config.API_KEYS_FILE === undefined ? 'authorization: Bearer $TOKEN' : 'x-api-key: $KEY';
  const key = (config.API_KEYS_FILE ?? config.JWT_JWKS_FILE) ? ` -H "${credential}"` : '';
  const docs = config.DOCS_ACCESS === 'off' ? '' : `  API documentation   ${url}/docs\n`;
  if (missing.length > 0) {
    process.stderr.write(`
diegate ${DIEGATE_VERSION} is up, but not ready: ${missing.join('; ')}
${docs}  See                 curl -s ${url}/ready

`);
    return;
  }
  process.stderr.write(`
diegate ${DIEGATE_VERSION} is ready on ${url}
${docs}  Try it              curl -s${key} ${url}/models/${model}/example | curl -s${key} -H 'content-type: application/json' -d @- ${url}/predict

`);
}
