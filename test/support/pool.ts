import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { plainInput } from '../../src/models/manifest/input-tensors.js';
import { systemClock } from '../../src/serving/clock.js';
import type { BatchOutcome } from '../../src/serving/runner.js';
import type { SessionSpec } from '../../src/serving/workers/messages.js';
import { WorkerPool, type WorkerPoolOptions } from '../../src/serving/workers/pool.js';
import { numbers } from './dense-model.js';
import { temporaryFolder } from './models.js';

/** The compiled worker: a source file cannot be forked. */
export const WORKER = fileURLToPath(new URL('../../dist/serving/workers/worker.js', import.meta.url));

/** A worker of test/support/workers, by its name. */
export const pretend = (name: string): string =>
  fileURLToPath(new URL(`./workers/${name}.mjs`, import.meta.url));

/** A pool that is not started yet and leaves no process behind when the test has finished. */
export function makePool(options: Partial<WorkerPoolOptions> = {}): WorkerPool {
  const pool = new WorkerPool({
    workers: 1,
    intraOpThreads: 1,
    batchTimeoutMs: 30_000,
    clock: systemClock,
    observers: [],
    entry: WORKER,
    ...options,
  });
  onTestFinished(async () => {
    pool.kill();
    await pool.close();
  });
  return pool;
}

/** A started pool. */
export async function startPool(options: Partial<WorkerPoolOptions> = {}): Promise<WorkerPool> {
  const pool = makePool(options);
  await pool.start();
  return pool;
}

/** Writes a graph to a file of its own and says how to open it. */
export async function specOf(onnx: Uint8Array, parameterCount: number, changes: Partial<SessionSpec> = {}) {
  const modelFile = join(await temporaryFolder(), 'model.onnx');
  await writeFile(modelFile, onnx);
  return {
    key: 'm/1',
    modelFile,
    inputs: [plainInput('test_params', parameterCount)],
    parameterCount,
    outputs: [{ name: 'anomaly_score', size: 1 }],
    contributionsName: undefined,
    maxBatchSize: 16,
    probes: probesOf(parameterCount),
    ...changes,
  } satisfies SessionSpec;
}

/** Thirteen rows to try a version with; the first holds nothing but ones. */
export function probesOf(parameterCount: number): Float32Array {
  const next = numbers(11);
  return Float32Array.from({ length: 13 * parameterCount }, (_, i) => (i < parameterCount ? 1 : next()));
}

/** Resolves when the pool has a worker that takes batches; a batcher may have given it one already. */
export function readyWorker(pool: WorkerPool): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (pool.ready > 0) resolve();
    };
    pool.onIdle(look);
    look();
  });
}

/** Runs a batch on a worker that is killed before it can answer; resolves when that worker is lost. */
export async function loseWorker(pool: WorkerPool, run: () => Promise<BatchOutcome>): Promise<BatchOutcome> {
  const { pids } = pool;
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  const running = run();
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  return running;
}

/** Ids of this process's children that run a worker of test/support/workers. */
export function childrenThatRun(name: string): number[] {
  const children = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], {
    encoding: 'utf8',
  });
  return children
    .split('\n')
    .filter((line) => line.includes(`${name}.mjs`))
    .map((line) => Number.parseInt(line, 10));
}

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
