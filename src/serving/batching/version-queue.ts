import { Refusal } from '../../errors.js';
import type { Call } from './call.js';
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
  readonly reason: DispatchReason;
}

/**
 * Why a batch left when it did: `full`; `idle`, a worker had nothing else to do; `delay`, the version's
 * maxQueueDelayMs or half of the time to a deadline had passed; `deadline`, it was cut short so as to be
 * back in time; `retry`, its dies are run again.
 */
export type DispatchReason = 'full' | 'idle' | 'delay' | 'deadline' | 'retry';

// A retry-after longer than this would outlive any burst; the caller may as well look again.
const MAX_RETRY_AFTER_S = 30;

/** One model version's queue with its measured cost and its account of worker time. */
export class VersionQueue {
  readonly version: QueuedVersion;
  readonly queue: BatchQueue<Call>;
  readonly cost: BatchCost;
  /** Whether its dies are run only when no other die waits. */
  readonly isShadow: boolean;
  /** Batches to run again, before anything in the queue. */
  readonly again: Batch[] = [];
  /** Worker milliseconds that this version has been given; what fairness between versions compares. */
  servedMs = 0;
  #scratch: Float32Array | undefined;

  constructor(version: QueuedVersion, { isShadow = false, cost = new BatchCost() } = {}) {
    this.version = version;
    this.queue = new BatchQueue(version);
    this.isShadow = isShadow;
    this.cost = cost;
  }

  /** Where several calls are gathered into one batch; free again when the batch was handed over. */
  get scratch(): Float32Array {
    this.#scratch ??= new Float32Array(this.version.maxBatchSize * this.version.parameterCount);
    return this.#scratch;
  }

  /** Whether nothing waits, neither for the first time nor to be run again. */
  get isEmpty(): boolean {
    return this.again.length === 0 && this.queue.waitingDies === 0;
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
    for (const { slices, losses, reason } of this.again.splice(0)) {
      const left = slices.filter(({ call }) => {
        if (call.deadlineAtMs <= nowMs) expired.push(call);
        return !call.settled && call.deadlineAtMs > nowMs;
      });
      if (left.length > 0) this.again.push({ slices: left, losses, reason });
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
    const cap = this.#cap(nowMs);
    const waiting = this.queue.waitingDies;
    const slices = this.queue.take(nowMs, cap);
    return slices.length > 0 ? { slices, losses: 0, reason: this.#reason(waiting, cap) } : undefined;
  }

  #reason(waiting: number, cap: number): DispatchReason {
    if (waiting >= this.version.maxBatchSize && cap === this.version.maxBatchSize) return 'full';
    if (cap < this.version.maxBatchSize && waiting > cap) return 'deadline';
    return this.version.maxQueueDelayMs > 0 ? 'delay' : 'idle';
  }

  /** The refusal of `dies` more that find no room, beside `workers` that run what waits. */
  full(dies: number, workers: number): Refusal {
    const { maxQueueSize, key } = this.version;
    if (dies > maxQueueSize) {
      return new Refusal(
        'batch_too_large',
        `${dies} dies in one call, ${key} queues at most ${maxQueueSize}`,
      );
    }
    return new Refusal(
      'queue_full',
      `${this.queue.waitingDies} dies wait for ${key} and ${dies} more would exceed its maxQueueSize of ${maxQueueSize}`,
      { retryAfterSeconds: this.retryAfterSeconds(workers) },
    );
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

// Dies in one batch of a shadow, and dies that wait for it at most.
const SHADOW_BATCH_DIES = 16;
const SHADOW_QUEUE_DIES = 1024;

/**
 * The queue of a version's shadow traffic: it holds little, so that under pressure the shadow is what is
 * dropped, and its batches are small, so that the next die does not wait long behind one.
 */
export function shadowQueueOf(version: QueuedVersion, { cost }: VersionQueue): VersionQueue {
  const maxBatchSize = Math.min(SHADOW_BATCH_DIES, version.maxBatchSize);
  const limits = { maxBatchSize, maxQueueDelayMs: 0, maxQueueSize: SHADOW_QUEUE_DIES };
  return new VersionQueue({ ...version, ...limits }, { isShadow: true, cost });
}

/**
 * The version whose batch leaves next, of those that may leave at `nowMs`: the one that has been
 * given the least worker time, so that a slow model costs a fast one at most the batch under way. A
 * shadow's only when there is no other.
 */
export function leastServed(versions: Iterable<VersionQueue>, nowMs: number): VersionQueue | undefined {
  let chosen: VersionQueue | undefined;
  for (const candidate of versions) {
    if (candidate.readyAtMs() > nowMs) continue;
    if (chosen === undefined || leavesBefore(candidate, chosen)) chosen = candidate;
  }
  return chosen;
}

/** Whether no die waits in any of these for somebody who waits for its answer. */
export function noneWaits(versions: Iterable<VersionQueue>): boolean {
  for (const { isEmpty, isShadow } of versions) if (!isEmpty && !isShadow) return false;
  return true;
}

function leavesBefore(a: VersionQueue, b: VersionQueue): boolean {
  return a.isShadow === b.isShadow ? a.servedMs < b.servedMs : b.isShadow;
}

// Weight of the newest batch: about the last 50 batches count, so that a warm-up or a busy
// neighbour is forgotten within a second of traffic.
const NEWEST_WEIGHT = 0.04;

/**
 * The measured cost of a batch as `perDieMs * n + perBatchMs`: a least-squares line through the
 * batches seen, older ones fading. (The same model of a batch as BentoML's dispatcher uses.)
 */
export class BatchCost {
  #batches = 0;
  #meanDies = 0;
  #meanMs = 0;
  #varianceDies = 0;
  #covariance = 0;

  /** Tells of one batch: how many dies, and the milliseconds from dispatch to result. */
  observe(dies: number, ms: number): void {
    // The first batches weigh as in a plain mean; from then on the newest has a fixed weight.
    this.#batches++;
    const w = Math.max(NEWEST_WEIGHT, 1 / this.#batches);
    const dDies = dies - this.#meanDies;
    const dMs = ms - this.#meanMs;
    this.#meanDies += w * dDies;
    this.#meanMs += w * dMs;
    this.#varianceDies = (1 - w) * (this.#varianceDies + w * dDies * dDies);
    this.#covariance = (1 - w) * (this.#covariance + w * dDies * dMs);
  }

  /** Milliseconds that each further die adds to a batch; never negative. */
  get perDieMs(): number {
    if (this.#varianceDies < 1e-9) return this.#meanDies === 0 ? 0 : this.#meanMs / this.#meanDies;
    return Math.max(0, this.#covariance / this.#varianceDies);
  }

  /** Milliseconds that a batch costs before its first die; never negative. */
  get perBatchMs(): number {
    return Math.max(0, this.#meanMs - this.perDieMs * this.#meanDies);
  }

  /** Expected milliseconds of a batch of `dies`; 0 before the first observation. */
  of(dies: number): number {
    return this.perDieMs * dies + this.perBatchMs;
  }

  /** The most dies that a batch can hold and still be done in `ms`; 0 when even one takes longer. */
  diesWithin(ms: number): number {
    const perDie = this.perDieMs;
    if (perDie === 0) return ms >= this.perBatchMs ? Number.POSITIVE_INFINITY : 0;
    return Math.max(0, Math.floor((ms - this.perBatchMs) / perDie));
  }
}
