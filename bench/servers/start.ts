import { type ChildProcess, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** The model that ships. */
export const SHIPPED = {
  model: 'die-defect',
  repository: `${ROOT}models`,
  folder: `${ROOT}models/die-defect/1`,
} as const;

/** A server under test: its own process, on a port of its own. */
export interface Target {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  /** Milliseconds from the start of the process to its first 200 on the path waited for. */
  readonly readyAfterMs: number;
  stop(): Promise<void>;
}

/** diegate as `npm start` runs it, its log written to /dev/null by a pipe-free file descriptor. */
export function startDiegate(repository: string, environment: Record<string, string> = {}): Promise<Target> {
  const ownEnvironment = { MODEL_REPOSITORY: repository, HOST: '127.0.0.1', ...environment };
  return start('diegate', `${ROOT}dist/main.js`, '/ready', ownEnvironment, ['--max-semi-space-size=8']);
}

export function startNaive(modelFolder: string): Promise<Target> {
  return start('naive', `${ROOT}dist/.bench/bench/servers/naive.js`, '/health', {
    MODEL_FOLDER: modelFolder,
  });
}

export function startFloor(): Promise<Target> {
  return start('floor', `${ROOT}dist/.bench/bench/servers/floor.js`, '/', {});
}

/** One of the servers of steps.ts. */
export function startStep(step: 'sockets' | 'decode' | 'fastify' | 'fastify-decode'): Promise<Target> {
  const path = step.startsWith('fastify') ? '/health' : '/';
  return start(step, `${ROOT}dist/.bench/bench/servers/steps.js`, path, { STEP: step });
}

async function start(
  name: string,
  entry: string,
  path: string,
  environment: Record<string, string>,
  nodeFlags: readonly string[] = [],
): Promise<Target> {
  const port = await freePort();
  const startedMs = performance.now();
  // /dev/null as a file: the lines are formatted and written as in production, only not kept.
  const child = spawn(process.execPath, [...nodeFlags, entry], {
    env: { ...process.env, ...environment, PORT: String(port) },
    stdio: ['ignore', openSync('/dev/null', 'w'), 'ignore', 'ipc'],
  });
  await answering(port, path, child);
  return {
    name,
    port,
    pid: child.pid ?? 0,
    readyAfterMs: performance.now() - startedMs,
    stop: () => stop(child),
  };
}

async function answering(port: number, path: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 3000; tries++) {
    if (child.exitCode !== null)
      throw new Error(`the server on port ${port} ended with exit code ${child.exitCode}`);
    try {
      const method = path === '/' ? 'POST' : 'GET';
      if ((await fetch(`http://127.0.0.1:${port}${path}`, { method })).ok) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`the server on port ${port} did not become ready`);
}

async function stop(child: ChildProcess): Promise<void> {
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exited;
}

/** A port of 127.0.0.1 that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
