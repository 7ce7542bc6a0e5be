import { Worker } from 'node:worker_threads';

/** How often the watching thread looks, milliseconds: twice a second costs nothing that could be measured. */
const LOOK_EVERY_MS = 500;

/** The compiled module of the watching thread. */
const WATCHDOG_THREAD = new URL('./watchdog-thread.js', import.meta.url);

/** What the watching thread is given. */
export interface WatchdogData {
  /** Int32 [1]: the number of the run that is under way, 0 for none. */
  readonly shared: SharedArrayBuffer;
  /** Looks in a row that see the same run before it counts as hung. */
  readonly looks: number;
  readonly everyMs: number;
}

/**
 * Ends this process when a run in it does not come back: a run cannot be cancelled, and while it lasts this thread does nothing
 * else. So another thread looks whether the run that is under way is still the one that it saw before.
 */
export class Watchdog {
  readonly #run = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #thread: Worker;
  readonly #watched = { end: () => Atomics.store(this.#run, 0, 0) };
  #runs = 0;

  /**
   * @param hungMs a run that takes longer counts as hung: the process is ended within a second from then on
   * @param thread another module only in tests
   */
  constructor(hungMs: number, thread = WATCHDOG_THREAD) {
    const looks = Math.ceil(hungMs / LOOK_EVERY_MS) + 1;
    const workerData: WatchdogData = { shared: this.#sharedRun(), looks, everyMs: LOOK_EVERY_MS };
    this.#thread = new Worker(thread, {
      workerData,
      // It waits and compares: a fraction of what a thread is given by itself.
      resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 },
    });
    this.#thread.unref();
  }

  /** A run begins; one at a time. `end` is to be called when it has come back. */
  watch(): { readonly end: () => void } {
    this.#runs = (this.#runs % 0x7fffffff) + 1;
    Atomics.store(this.#run, 0, this.#runs);
    return this.#watched;
  }

  /** Ends the thread. */
  close(): void {
    this.#thread.terminate().catch(() => {});
  }

  #sharedRun(): SharedArrayBuffer {
    const { buffer } = this.#run;
    return buffer;
  }
}
