import { performance } from 'node:perf_hooks';

/** Time as a parameter, so that tests own it. */
export interface Clock {
  /** Monotonic milliseconds, with a fraction. */
  nowMs(): number;
  /** Calls `run` once after `ms`; the returned function takes it back. Never keeps the process alive. */
  after(ms: number, run: () => void): () => void;
  /** Calls `run` once the sockets that are readable now have been read. */
  soon(run: () => void): void;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
  soon(run) {
    setImmediate(run);
  },
};
