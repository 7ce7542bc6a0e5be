import type { Call } from './call.js';
import { BatchCost } from './cost.js';
import { BatchQueue, type QueueLimits, type Slice } from './queue.js';

/** What the batcher must know of a model version to queue its dies. */
export interface QueuedVersion extends QueueLimits {
  readonly key: string;
  readonly parameterCount: number;
}

/** Dies that leave for a worker together. */
export interface Batch {
  readonly slices: readonly Slice<Call>[];
  /** How often a worker was lost with these dies. */
  readonly losses: number;
}

// A retry-after longer than this would outlive any burst; the caller may as well look again.
const MAX_RETRY_AFTER_S = 30;

/** One model version's queue with its measured cost and its account of worker time. */
export class VersionQueue {
  readonly version: QueuedVersion;
  readonly queue: BatchQueue<Call>;
  readonly cost = new BatchCost();
  /** Batches to run again, before anything in the queue. */
  readonly again: Batch[] = [];
  /** Worker milliseconds that this version has been given; what fairness between versions compares. */
  servedMs = 0;
  /** Where several calls are gathered into one batch; free again when the batch was handed over. */
  readonly scratch: Float32Array;

  constructor(version: QueuedVersion) {
    this.version = version;
    this.queue = new BatchQueue(version);
    this.scratch = new Float32Array(version.maxBatchSize * version.parameterCount);
  }

  /** A time not later than the nearest deadline of all dies that wait or are to be run again. */
  get nearestDeadlineAtMs(): number {
    let nearest = this.queue.nearestDeadlineAtMs;
    for (const { slices } of this.again) {
      for (const { call } of slices) if (!call.settled) nearest = Math.min(nearest, call.deadlineAtMs);
    }
    return nearest;
  }

  /**
   * Takes out every call whose deadline has come, whether it waits for the first time or is to be run
   * again, and returns them (some twice: a call may do both). Forgets what has been settled meanwhile.
   */
  expire(nowMs: number): Call[] {
    const expired = this.queue.expire(nowMs);
    for (const { slices, losses } of this.again.splice(0)) {
      const left = slices.filter(({ call }) => {
        if (call.deadlineAtMs <= nowMs) expired.push(call);
        return !call.settled && call.deadlineAtMs > nowMs;
      });
      if (left.length > 0) this.again.push({ slices: left, losses });
    }
    return expired;
  }

  /** When the next batch may leave: 0 for at once, Infinity for nothing to do. */
  readyAtMs(): number {
    return this.again.length > 0 ? 0 : this.queue.readyAtMs();
  }

  /** The next batch, or undefined when nothing is left to run. Call `expire(nowMs)` first. */
  next(nowMs: number): Batch | undefined {
    const again = this.again.shift();
    if (again !== undefined) return again;
    const slices = this.queue.take(nowMs, this.#cap(nowMs));
    return slices.length > 0 ? { slices, losses: 0 } : undefined;
  }

  /** Whole seconds until the dies that wait now will have been run by `workers`; 1 to 30. */
  retryAfterSeconds(workers: number): number {
    const full = this.version.maxBatchSize;
    const msPerDie = this.cost.of(full) / full / Math.max(1, workers);
    return Math.min(MAX_RETRY_AFTER_S, Math.max(1, Math.ceil((this.queue.waitingDies * msPerDie) / 1000)));
  }

  /**
   * Dies in the next batch: `maxBatchSize`, or fewer when the measured cost says that the nearest
   * deadline would pass within a full batch. It binds nobody when even one die cannot meet it, nor
   * when so small a batch would waste the worker: one caller in a hurry must not slow all others.
   */
  #cap(nowMs: number): number {
    const full = this.version.maxBatchSize;
    if (this.cost.diesWithin(this.queue.nearestDeadlineAtMs - nowMs) >= full) return full;
    const within = this.cost.diesWithin(this.queue.exactNearestDeadlineAtMs() - nowMs);
    return within >= 1 && within < full && this.#isWorthwhile(within) ? within : full;
  }

  /** Whether batches of `dies` get at least half as many dies done in a second as full ones. */
  #isWorthwhile(dies: number): boolean {
    const full = this.version.maxBatchSize;
    return 2 * dies * this.cost.of(full) >= full * this.cost.of(dies);
  }
}

/**
 * The version whose batch leaves next, of those that may leave at `nowMs`: the one that has been
 * given the least worker time, so that a slow model costs a fast one at most the batch under way.
 */
export function leastServed(versions: Iterable<VersionQueue>, nowMs: number): VersionQueue | undefined {
  let chosen: VersionQueue | undefined;
  for (const candidate of versions) {
    if (candidate.readyAtMs() > nowMs) continue;
    if (chosen === undefined || candidate.servedMs < chosen.servedMs) chosen = candidate;
  }
  return chosen;
}
