/** `realtime` for single dies, `bulk` for batch calls. */
export const LANES = ['realtime', 'bulk'] as const;
export type Lane = (typeof LANES)[number];

/** Share of the dies of a batch that is kept for the bulk lane while both lanes wait. */
export const BULK_SHARE = 0.25;

// A lane is swept of cancelled calls once there are this many and they are the larger part.
const SWEEP_ABOVE = 64;

/**
 * One call's dies in the queue. `taken` and `waiting` belong to the queue; everything else is the
 * caller's and does not change while the call waits.
 */
export interface QueuedCall {
  readonly lane: Lane;
  /** Number of dies, at least 1: limits count dies, not calls. */
  readonly dies: number;
  readonly arrivedAtMs: number;
  /** From this time on a die that has not been taken is not run any more; Infinity for never. */
  readonly deadlineAtMs: number;
  /** Dies already handed to a batch, from the first on. */
  taken: number;
  /** Whether dies of this call still wait. */
  waiting: boolean;
}

/** Dies `from` to `from + count - 1` of a call, as a part of one batch. */
export interface Slice<C extends QueuedCall> {
  readonly call: C;
  readonly from: number;
  readonly count: number;
}

export interface QueueLimits {
  /** Most dies in one batch. */
  readonly maxBatchSize: number;
  /** How long the oldest die may wait for a fuller batch while a worker is idle; 0 never waits. */
  readonly maxQueueDelayMs: number;
  /** Most dies waiting. */
  readonly maxQueueSize: number;
}

interface LaneState<C> {
  readonly calls: Fifo<C>;
  /** Dies waiting, without those of cancelled and expired calls. */
  dies: number;
  /** Calls still in `calls` that no longer wait. */
  left: number;
}

/**
 * The queue of one model version: a state machine without a clock, a timer or a promise. Every time
 * is a parameter, in milliseconds of the caller's monotonic clock.
 *
 * Laws (tested as properties): a die that was offered and accepted leaves exactly once, by `take`,
 * `cancel` or `expire`; order within a lane is kept; `take` gives at most `limit` dies; no more than
 * `maxQueueSize` dies wait; no die is taken at or after its deadline.
 */
export class BatchQueue<C extends QueuedCall> {
  readonly limits: QueueLimits;
  readonly #lanes: Readonly<Record<Lane, LaneState<C>>> = { realtime: emptyLane(), bulk: emptyLane() };
  // Never later than the nearest deadline of a waiting die; may be earlier when that die has left.
  #nearestDeadlineAtMs = Number.POSITIVE_INFINITY;
  #nearestHasLeft = false;
  // The fraction of a die that the bulk lane is owed of the batches taken while both lanes waited.
  #bulkCredit = 0;

  constructor(limits: QueueLimits) {
    this.limits = limits;
  }

  /** Dies waiting in both lanes. */
  get waitingDies(): number {
    return this.#lanes.realtime.dies + this.#lanes.bulk.dies;
  }

  /** A time not later than the nearest deadline of all waiting dies: when `expire` is worth a call. */
  get nearestDeadlineAtMs(): number {
    return this.#nearestDeadlineAtMs;
  }

  /**
   * The nearest deadline of all waiting dies, exactly; Infinity for none. Looks at every call when the
   * die with the nearest one has left, so ask only where the bound above is not enough.
   */
  exactNearestDeadlineAtMs(): number {
    if (this.#nearestHasLeft) {
      let nearest = Number.POSITIVE_INFINITY;
      for (const name of LANES) {
        this.#lanes[name].calls.forEach((call) => {
          if (call.waiting) nearest = Math.min(nearest, call.deadlineAtMs);
        });
      }
      this.#nearestDeadlineAtMs = nearest;
      this.#nearestHasLeft = false;
    }
    return this.#nearestDeadlineAtMs;
  }

  waitingIn(lane: Lane): number {
    return this.#lanes[lane].dies;
  }

  /** Whether `dies` more would be accepted. */
  hasRoomFor(dies: number): boolean {
    return this.waitingDies + dies <= this.limits.maxQueueSize;
  }

  /** Admits a call whole, or refuses it (false) when its dies would exceed `maxQueueSize`. */
  offer(call: C): boolean {
    if (!this.hasRoomFor(call.dies)) return false;
    const lane = this.#lanes[call.lane];
    call.taken = 0;
    call.waiting = true;
    lane.calls.push(call);
    lane.dies += call.dies;
    if (call.deadlineAtMs <= this.#nearestDeadlineAtMs) {
      this.#nearestDeadlineAtMs = call.deadlineAtMs;
      this.#nearestHasLeft = false;
    }
    return true;
  }

  /** Takes the dies of `call` that still wait out of the queue. */
  cancel(call: C): void {
    if (!call.waiting) return;
    const lane = this.#lanes[call.lane];
    this.#leave(call);
    if (lane.left > SWEEP_ABOVE && lane.left * 2 > lane.calls.length) sweep(lane);
  }

  /** Removes every call whose deadline has come and returns them; cheap when there is none. */
  expire(nowMs: number): C[] {
    if (nowMs < this.#nearestDeadlineAtMs) return [];
    const expired: C[] = [];
    let nearest = Number.POSITIVE_INFINITY;
    for (const name of LANES) {
      const lane = this.#lanes[name];
      lane.calls.retain((call) => {
        if (!call.waiting) return false;
        if (call.deadlineAtMs > nowMs) {
          nearest = Math.min(nearest, call.deadlineAtMs);
          return true;
        }
        expired.push(call);
        this.#leave(call);
        return false;
      });
      lane.left = 0;
    }
    this.#nearestDeadlineAtMs = nearest;
    this.#nearestHasLeft = false;
    return expired;
  }

  /**
   * When the next batch may be taken: 0 for at once, Infinity for nothing waiting, else the time at
   * which the oldest die has waited `maxQueueDelayMs`, or half of the time to the nearest deadline: no
   * die may miss its deadline for the sake of a fuller batch.
   */
  readyAtMs(): number {
    const waiting = this.waitingDies;
    if (waiting === 0) return Number.POSITIVE_INFINITY;
    if (this.limits.maxQueueDelayMs === 0 || waiting >= this.limits.maxBatchSize) return 0;
    const oldest = Math.min(this.#oldestArrivalMs('realtime'), this.#oldestArrivalMs('bulk'));
    const byDelay = oldest + this.limits.maxQueueDelayMs;
    if ((oldest + this.#nearestDeadlineAtMs) / 2 >= byDelay) return byDelay;
    return Math.min(byDelay, (oldest + this.exactNearestDeadlineAtMs()) / 2);
  }

  /**
   * Takes the next batch: at most `limit` dies, realtime first, the bulk lane's share kept. Call
   * `expire(nowMs)` first.
   */
  take(nowMs: number, limit: number): Slice<C>[] {
    if (this.#nearestDeadlineAtMs <= nowMs) throw new Error('expire() must come before take()');
    const realtimeWaiting = this.#lanes.realtime.dies;
    const owed = realtimeWaiting > 0 ? this.#drawBulkCredit(limit) : 0;
    const realtime = Math.min(realtimeWaiting, limit - owed);
    const slices: Slice<C>[] = [];
    this.#takeFrom('realtime', realtime, slices);
    this.#takeFrom('bulk', Math.min(this.#lanes.bulk.dies, limit - realtime), slices);
    return slices;
  }

  /**
   * Dies of the next batch that belong to the bulk lane whatever waits in the realtime lane. A lane
   * that needs less than its share is owed nothing more: saved up, the rest would later fill whole
   * batches and push the realtime lane back by more than one.
   */
  #drawBulkCredit(limit: number): number {
    const waiting = this.#lanes.bulk.dies;
    const credit = this.#bulkCredit + limit * BULK_SHARE;
    const share = Math.floor(credit);
    if (waiting <= share) {
      this.#bulkCredit = 0;
      return waiting;
    }
    this.#bulkCredit = credit - share;
    return share;
  }

  #takeFrom(name: Lane, dies: number, slices: Slice<C>[]): void {
    const lane = this.#lanes[name];
    let left = dies;
    while (left > 0) {
      const call = lane.calls.peek();
      if (call === undefined) return;
      if (!call.waiting) {
        lane.calls.shift();
        lane.left--;
        continue;
      }
      const count = Math.min(call.dies - call.taken, left);
      slices.push({ call, from: call.taken, count });
      call.taken += count;
      lane.dies -= count;
      left -= count;
      if (call.taken === call.dies) {
        call.waiting = false;
        lane.calls.shift();
        this.#noteLeaving(call);
      }
    }
  }

  #oldestArrivalMs(name: Lane): number {
    const lane = this.#lanes[name];
    for (let call = lane.calls.peek(); call !== undefined; call = lane.calls.peek()) {
      if (call.waiting) return call.arrivedAtMs;
      lane.calls.shift();
      lane.left--;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Marks a waiting call as gone; it stays in the lane's order until it is swept. */
  #leave(call: C): void {
    const lane = this.#lanes[call.lane];
    lane.dies -= call.dies - call.taken;
    lane.left++;
    call.waiting = false;
    this.#noteLeaving(call);
  }

  #noteLeaving(call: C): void {
    if (call.deadlineAtMs <= this.#nearestDeadlineAtMs) this.#nearestHasLeft = true;
  }
}

function emptyLane<C>(): LaneState<C> {
  return { calls: new Fifo<C>(), dies: 0, left: 0 };
}

function sweep<C extends QueuedCall>(lane: LaneState<C>): void {
  lane.calls.retain((call) => call.waiting);
  lane.left = 0;
}

// Compacting moves the live part to the front; below this length it is not worth the move.
const COMPACT_ABOVE = 64;

/** First in, first out, with constant-time `push` and `shift` (amortised) and no allocation for each item. */
export class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The oldest item, or undefined when empty. */
  peek(): T | undefined {
    return this.#items[this.#head];
  }

  /** Removes the oldest item. */
  shift(): void {
    if (this.length === 0) return;
    this.#head++;
    if (this.#head >= COMPACT_ABOVE && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Visits every item, the oldest first. */
  forEach(visit: (item: T) => void): void {
    for (let i = this.#head; i < this.#items.length; i++) visit(this.#items[i]);
  }

  /** Keeps the items for which `keep` is true, in order. */
  retain(keep: (item: T) => boolean): void {
    this.#items = this.#items.slice(this.#head).filter(keep);
    this.#head = 0;
  }
}
