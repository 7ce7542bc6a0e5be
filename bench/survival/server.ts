import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../servers/start.js';
import { temporaryFolder } from './repository.js';

const MAIN = fileURLToPath(new URL('../../../main.js', import.meta.url));
const READY_WITHIN_MS = 30_000;

export interface ServerOptions {
  readonly repository: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** A command line whose last argument is the server's, such as `prlimit --nofile=128`; it must exec. */
  readonly wrapper?: readonly string[];
  /** Options of the server's Node. */
  readonly nodeOptions?: readonly string[];
  /** Where stdout goes; a file of the scenario's own if not given. */
  readonly logFile?: string;
  /** A free one if not given. */
  readonly port?: number;
}

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A diegate of its own process, as `node dist/main.js` runs it. */
export interface Server {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Milliseconds from the start of the process to the first 200 of /ready. */
  readonly readyAfterMs: number;
  readonly ended: Promise<Ended>;
  signal(signal: NodeJS.Signals): void;
  /** Everything that it has written to stdout and stderr so far. */
  log(): string;
  /** Lines of the log of level error or fatal. */
  errors(): string[];
  /** SIGTERM, and its end. */
  stop(): Promise<Ended>;
}

/** Starts a server and waits until it is ready; it does not outlive this process. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const port = options.port ?? (await freePort());
  const startedMs = performance.now();
  const { child, logFile, errorFile } = launch(options, port);
  const ended = new Promise<Ended>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const killAtExit = () => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  void ended.then(() => process.removeListener('exit', killAtExit));
  const url = `http://127.0.0.1:${port}`;
  const readLog = () => readFileSync(logFile, 'utf8') + readFileSync(errorFile, 'utf8');
  try {
    await untilReady(url, child);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`${error instanceof Error ? error.message : error}\n${readLog().slice(-2000)}`);
  }
  return {
    url,
    port,
    pid: child.pid ?? 0,
    readyAfterMs: performance.now() - startedMs,
    ended,
    signal: (signal) => void child.kill(signal),
    log: readLog,
    errors: () =>
      readLog()
        .split('\n')
        .filter((line) => /"level":"(error|fatal)"|^\s+at |Error:/.test(line)),
    async stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

function launch(options: ServerOptions, port: number) {
  const { repository, environment, wrapper = [], nodeOptions = [], logFile: given } = options;
  const logFile = given ?? join(temporaryFolder(), 'stdout');
  const errorFile = join(temporaryFolder(), 'stderr');
  const [out, err] = [openSync(logFile, 'a'), openSync(errorFile, 'a')];
  const [command = '', ...args] = [...wrapper, process.execPath, ...nodeOptions, MAIN];
  const child = spawn(command, args, {
    env: {
      PATH: process.env.PATH,
      HOST: '127.0.0.1',
      PORT: String(port),
      INFERENCE_WORKERS: '1',
      MODEL_REPOSITORY: repository,
      ...environment,
    },
    stdio: ['ignore', out, err],
  });
  closeSync(out);
  closeSync(err);
  // /dev/full can be written to and not read from.
  return { child, logFile: logFile.startsWith('/dev/') ? '/dev/null' : logFile, errorFile };
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const patienceEndsMs = performance.now() + READY_WITHIN_MS;
  while (performance.now() < patienceEndsMs) {
    if (child.exitCode !== null) throw new Error(`the server ended with exit code ${child.exitCode}`);
    if (await isReady(url)) return;
    await sleep(5);
  }
  throw new Error(`the server was not ready within ${READY_WITHIN_MS} ms`);
}

/** Whether a server answers 200 on /ready. */
export async function isReady(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/ready`, { headers: { connection: 'close' } });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}
