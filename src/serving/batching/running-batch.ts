import type { Call } from './call.js';
import type { Slice } from './queue.js';
import type { VersionQueue } from './version-queue.js';

/** A batch at a worker. A run cannot be cancelled, but nobody waits for it past the deadline: its answer is dropped. */
export class RunningBatch {
  readonly version: VersionQueue;
  readonly #slices: readonly Slice<Call>[];
  #nearestDeadlineAtMs: number;

  constructor(version: VersionQueue, slices: readonly Slice<Call>[], nearestDeadlineAtMs: number) {
    this.version = version;
    this.#slices = slices;
    this.#nearestDeadlineAtMs = nearestDeadlineAtMs;
  }

  /** A time not later than the nearest deadline of its calls that are not settled. */
  get nearestDeadlineAtMs(): number {
    return this.#nearestDeadlineAtMs;
  }

  /** Its calls whose deadline has come and that are not settled; cheap when there is none. */
  expire(nowMs: number): Call[] {
    if (nowMs < this.#nearestDeadlineAtMs) return [];
    const expired: Call[] = [];
    let nearest = Number.POSITIVE_INFINITY;
    for (const { call } of this.#slices) {
      if (call.settled) continue;
      if (call.deadlineAtMs > nowMs) nearest = Math.min(nearest, call.deadlineAtMs);
      else expired.push(call);
    }
    this.#nearestDeadlineAtMs = nearest;
    return expired;
  }
}
