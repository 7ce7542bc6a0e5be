import { systemClock } from '../serving/clock.js';
import { WorkerPool } from '../serving/workers/pool.js';

// A command has nobody waiting within milliseconds; a batch that takes a minute is hung.
const BATCH_TIMEOUT_MS = 60_000;

/**
 * Runs `use` with one started worker process that lives exactly as long: a command loads no ONNX Runtime
 * itself.
 * @param workerEntry compiled module that the process runs; another one only in tests
 * @throws Fault `worker_failed` when the process does not start
 */
export function withWorkerPool<T>(
  use: (pool: WorkerPool) => Promise<T>,
  workerEntry?: string | undefined,
): Promise<T> {
  return withComingWorkerPool(async (pool) => {
    await pool.start();
    return use(pool);
  }, workerEntry);
}

/** The same for who has other things to do while the process starts: it is to call `start`. */
export async function withComingWorkerPool<T>(
  use: (pool: WorkerPool) => Promise<T>,
  workerEntry?: string | undefined,
): Promise<T> {
  const pool = new WorkerPool({
    workers: 1,
    intraOpThreads: 1,
    batchTimeoutMs: BATCH_TIMEOUT_MS,
    clock: systemClock,
    observers: [],
    ...(workerEntry === undefined ? {} : { entry: workerEntry }),
  });
  try {
    return await use(pool);
  } finally {
    await pool.close();
  }
}
