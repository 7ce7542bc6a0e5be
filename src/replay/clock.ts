import { performance } from 'node:perf_hooks';

/** Time as a parameter. Unlike the server's clock, a timer keeps the process alive: a die waits for it. */
export interface ReplayClock {
  /** Monotonic milliseconds, with a fraction. */
  nowMs(): number;
  /** Calls `run` once after `ms`; the returned function takes it back. */
  after(ms: number, run: () => void): () => void;
}

export const processClock: ReplayClock = {
  nowMs: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`, at once for 0 or less, and as soon as `stop` aborts; never rejects. */
export function pause(clock: ReplayClock, ms: number, stop: AbortSignal): Promise<void> {
  if (ms <= 0 || stop.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const takeBack = clock.after(ms, end);
    function end(): void {
      takeBack();
      stop.removeEventListener('abort', end);
      resolve();
    }
    stop.addEventListener('abort', end, { once: true });
  });
}
