import { performance } from 'node:perf_hooks';

/** Times for which this process did not run, though it wanted to. */
export interface Stalls {
  readonly count: number;
  readonly longestMs: number;
}

const NOTICED_MS = 1;

/**
 * Looks at the clock for a while and does nothing else: where it stands still for a millisecond, the machine has given
 * the core to somebody else. A server that runs there at that time has tails of that length at least.
 */
export function stallsWithin(ms: number): Stalls {
  let count = 0;
  let longestMs = 0;
  const endMs = performance.now() + ms;
  for (let lastMs = performance.now(); lastMs < endMs; ) {
    const nowMs = performance.now();
    if (nowMs - lastMs >= NOTICED_MS) count++;
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
  }
  return { count, longestMs };
}
