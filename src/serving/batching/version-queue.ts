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

  get hasWork(): boolean {
    return this.again.length > 0 || this.queue.waitingDies > 0;
  }

  /** When the next batch may leave: 0 for at once, Infinity for nothing to do. */
  readyAtMs(): number {
    return this.again.length > 0 ? 0 : this.queue.readyAtMs();
  }

  /** The next batch, or undefined when nothing is left to run. Call `queue.expire(nowMs)` first. */
  next(nowMs: number): Batch | undefined {
    for (let batch = this.again.shift(); batch !== undefined; batch = this.again.shift()) {
      const slices = batch.slices.filter(({ call }) => !call.settled);
      if (slices.length > 0) return { slices, losses: batch.losses };
    }
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
   * deadline would pass within a full batch. A deadline that even one die cannot meet binds nobody.
   */
  #cap(nowMs: number): number {
    const full = this.version.maxBatchSize;
    const within = this.cost.diesWithin(this.queue.nearestDeadlineAtMs - nowMs);
    return within >= 1 && within < full ? within : full;
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
