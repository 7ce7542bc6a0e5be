import type { Clock } from '../../src/serving/clock.js';

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

/** Time that stands still until a test moves it. */
export class FakeClock implements Clock {
  #nowMs = 1000;
  readonly #timers = new Set<Timer>();
  #soon: (() => void)[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): () => void {
    if (!Number.isFinite(ms) || ms < 0 || ms >= 2 ** 31)
      throw new RangeError(`no timer can be set for ${ms} ms`);
    const timer = { atMs: this.#nowMs + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  soon(run: () => void): void {
    this.#soon.push(run);
  }

  /** Milliseconds until the next timer; Infinity for none. */
  get nextTimerInMs(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.#timers].map(({ atMs }) => atMs - this.#nowMs));
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Ends the turn of the event loop: runs what was asked for with `soon`. */
  endTurn(): void {
    while (this.#soon.length > 0) {
      const due = this.#soon;
      this.#soon = [];
      for (const run of due) run();
    }
  }

  /** Moves time on, stopping at every timer that comes due. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      this.endTurn();
      await promisesSettled();
      const due = [...this.#timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
      const [next] = due;
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
    this.#nowMs = untilMs;
  }
}

/** Resolves when every promise that can go on has gone on; takes no time. */
export function promisesSettled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
