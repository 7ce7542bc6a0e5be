/**
 * How far behind its schedule a replay may catch up, in milliseconds: it absorbs the jitter of timers,
 * and no more, because a tester that was held up does not test faster afterwards.
 */
export const CATCH_UP_MS = 50;

/** Says when the next dies may be posted. Pure but for its own schedule; every time is a parameter. */
interface Pacer {
  /**
   * Takes the next place in the schedule for `dies` posted together, and returns when to post them:
   * never before `nowMs`, nor before the earlier dies' share of time has passed.
   */
  reserve(nowMs: number, dies: number): number;
}

/**
 * @param ratePerSecond dies a second, above 0; undefined for as fast as answers come. Over any span of
 *   `t` ms at most `rate × (t + CATCH_UP_MS) / 1000` dies are begun, and one touchdown more.
 */
export function createPacer(ratePerSecond: number | undefined): Pacer {
  let nextAtMs = Number.NEGATIVE_INFINITY;
  return {
    reserve(nowMs, dies) {
      if (ratePerSecond === undefined) return nowMs;
      const dueMs = nextAtMs === Number.NEGATIVE_INFINITY ? nowMs : Math.max(nextAtMs, nowMs - CATCH_UP_MS);
      nextAtMs = dueMs + (dies * 1000) / ratePerSecond;
      return Math.max(dueMs, nowMs);
    },
  };
}

/** Holds back all posts of the replay while the server has asked for it, whichever die was told. */
export interface PostGate {
  /** Nothing is posted before `untilMs`; an earlier time than one already held to changes nothing. */
  hold(untilMs: number): void;
  /** When posting is open again; in the past when it is open now. */
  openAtMs(): number;
}

export function createGate(): PostGate {
  let untilMs = Number.NEGATIVE_INFINITY;
  return {
    hold(ms) {
      untilMs = Math.max(untilMs, ms);
    },
    openAtMs: () => untilMs,
  };
}
