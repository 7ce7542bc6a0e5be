import type { Config } from '../config.js';
import { tellEach } from '../observers.js';
import type { Clock } from '../serving/clock.js';
import { WorkerPool } from '../serving/workers/pool.js';
import type { WorkerObserver } from '../serving/workers/worker-observer.js';

interface StartWorkersOptions {
  readonly config: Pick<
    Config,
    'INFERENCE_WORKERS' | 'STANDBY_WORKERS' | 'INTRA_OP_THREADS' | 'BATCH_TIMEOUT_MS'
  >;
  readonly clock: Clock;
  /** Compiled module that worker processes run, for tests. */
  readonly entry?: string;
}

/** Workers that started before there was anybody to tell of it. */
export interface StartedWorkers {
  readonly pool: WorkerPool;
  /** Resolves when all have started; rejects with a Fault `worker_failed`. */
  readonly started: Promise<void>;
  /**
   * Tells these of what has happened so far and of what will; called once.
   * @param onError called when one of them throws
   */
  observe(observers: readonly WorkerObserver[], onError: (error: unknown) => void): void;
}

type Tell = (observer: WorkerObserver) => void;

/**
 * Starts the worker processes, first of all: they load ONNX Runtime while this process loads everything else,
 * the log and the metrics that are to hear of them included.
 */
export function startWorkers({ config, clock, entry }: StartWorkersOptions): StartedWorkers {
  const untold: Tell[] = [];
  let hear = (tell: Tell): void => {
    untold.push(tell);
  };
  const pool = new WorkerPool({
    workers: config.INFERENCE_WORKERS,
    standBys: config.STANDBY_WORKERS,
    intraOpThreads: config.INTRA_OP_THREADS,
    batchTimeoutMs: config.BATCH_TIMEOUT_MS,
    clock,
    observers: [
      {
        workerStarted: (pid) => hear((observer) => observer.workerStarted?.(pid)),
        workerServes: (pid) => hear((observer) => observer.workerServes?.(pid)),
        workerLost: (...what) => hear((observer) => observer.workerLost?.(...what)),
        workerLeft: (pid) => hear((observer) => observer.workerLeft?.(pid)),
        reopenFailed: (...what) => hear((observer) => observer.reopenFailed?.(...what)),
      },
    ],
    ...(entry === undefined ? {} : { entry }),
  });
  const started = pool.start();
  // Met by whoever waits for it, which may be later.
  started.catch(() => {});
  return {
    pool,
    started,
    observe(observers, onError) {
      hear = (tell) => tellEach(observers, tell, onError);
      for (const tell of untold.splice(0)) hear(tell);
    },
  };
}
