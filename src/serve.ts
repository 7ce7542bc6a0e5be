import { setTimeout as sleep } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import { type App, createApp } from './app.js';
import { type Config, type Environment, readConfig } from './config.js';
import { LogStream } from './monitoring/log-stream.js';
import { DIEGATE_VERSION } from './version.js';

const MAX_LOG_BACKLOG_BYTES = 64 * 1024 * 1024;
// How long the exit waits for a reader that does not take the last log lines.
const LAST_WRITE_MS = 200;

/**
 * The server process, from its environment to its exit code: 0 after a graceful end, 1 otherwise.
 * @throws Fault with one line for each problem that keeps it from starting
 */
export async function serve(environment: Environment): Promise<void> {
  const config = readConfig(environment);
  const logStream = new LogStream({ fd: 1, maxBacklogBytes: MAX_LOG_BACKLOG_BYTES });
  const app = await createApp({ config, logStream });
  process.on('exit', () => {
    app.kill();
    logStream.finish(LAST_WRITE_MS);
  });
  let isEnding = false;
  endGracefully(app, config, logStream, () => {
    isEnding = true;
  });
  const { port } = await app.listen();
  try {
    await app.load();
  } catch (error) {
    // An end during the load takes the workers away from it: no fault of any model.
    if (!isEnding) throw error;
  }
  if (isEnding) return;
  app.logger.info(
    { version: DIEGATE_VERSION, port, models: app.catalogue.models().map(({ name }) => name) },
    'ready',
  );
  greet(config, port, app);
}

/**
 * On SIGTERM or SIGINT: not ready at once, serving on for SHUTDOWN_DELAY_MS (a terminal's Ctrl-C does
 * not wait), then no new connections, the dies in flight answered, exit 0. A second signal, or the
 * end of SHUTDOWN_GRACE_MS, ends the process at once with exit code 1.
 */
function endGracefully(app: App, config: Config, logStream: LogStream, onEnding: () => void): void {
  const { logger } = app;
  closeWithGrace({ delay: config.SHUTDOWN_GRACE_MS, logger }, async ({ signal, err }) => {
    onEnding();
    if (err) logger.fatal({ err }, 'unexpected error, shutting down');
    else logger.info({ signal }, 'shutting down');
    app.drain();
    if (signal === 'SIGTERM') await sleep(config.SHUTDOWN_DELAY_MS);
    await app.close();
    logger.info('stopped');
    await logStream.drained(LAST_WRITE_MS);
  });
}

/** What a person wants to know first; on stderr, because stdout is the log. */
function greet(config: Config, port: number, app: App): void {
  const { HOST: host } = config;
  const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  const url = `http://${shown}:${port}`;
  const model = app.catalogue.defaultModel;
  const key = config.API_KEYS_FILE === undefined ? '' : ' -H "x-api-key: $KEY"';
  process.stderr.write(`
diegate ${DIEGATE_VERSION} is ready on ${url}
  API documentation   ${url}/docs
  Try it              curl -s${key} ${url}/models/${model}/example | curl -s${key} -H 'content-type: application/json' -d @- ${url}/predict

`);
}
