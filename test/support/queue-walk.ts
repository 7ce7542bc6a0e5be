import fc from 'fast-check';
import {
  BatchQueue,
  LANES,
  type Lane,
  type QueuedCall,
  type QueueLimits,
} from '../../src/serving/batching/queue.js';

/** A call in a walk, with what has become of each of its dies. */
export interface WalkedCall extends QueuedCall {
  readonly id: number;
  /** One entry for each time that a die left the queue: "taken", "cancelled" or "expired". */
  readonly exits: string[][];
}

export type Step =
  | {
      readonly do: 'offer';
      readonly lane: Lane;
      readonly dies: number;
      readonly withinMs: number | undefined;
    }
  | { readonly do: 'cancel'; readonly which: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'take'; readonly limit: number };

export const lane: fc.Arbitrary<Lane> = fc.constantFrom(...LANES);

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('offer' as const),
        lane,
        dies: fc.integer({ min: 1, max: 30 }),
        withinMs: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), which: fc.nat(200) }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 12 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('take' as const), limit: fc.integer({ min: 1, max: 16 }) }),
    },
  ),
  { maxLength: 250, size: 'max' },
);

export const limits: fc.Arbitrary<QueueLimits> = fc.record({
  maxBatchSize: fc.integer({ min: 1, max: 16 }),
  maxQueueDelayMs: fc.constantFrom(0, 5, 20),
  maxQueueSize: fc.integer({ min: 1, max: 120 }),
});

/** One die as it left in a batch. */
export interface TakenDie {
  readonly call: WalkedCall;
  readonly die: number;
}

/** A queue, a time, and a record of everything that went in and came out. */
export class QueueWalk {
  readonly queue: BatchQueue<WalkedCall>;
  readonly accepted: WalkedCall[] = [];
  readonly taken: TakenDie[] = [];
  nowMs = 0;

  constructor(limits: QueueLimits) {
    this.queue = new BatchQueue(limits);
  }

  /** Dies of accepted calls that have not left, counted without the queue's help. */
  get waitingDies(): number {
    return this.accepted.reduce((dies, { exits }) => dies + exits.filter((e) => e.length === 0).length, 0);
  }

  waitingCalls(): WalkedCall[] {
    return this.accepted.filter(({ exits }) => exits.some((e) => e.length === 0));
  }

  offer(lane: Lane, dies: number, withinMs = Number.POSITIVE_INFINITY): boolean {
    const call: WalkedCall = {
      id: this.accepted.length,
      lane,
      dies,
      arrivedAtMs: this.nowMs,
      deadlineAtMs: this.nowMs + withinMs,
      taken: 0,
      waiting: false,
      exits: Array.from({ length: dies }, () => []),
    };
    const accepted = this.queue.offer(call);
    if (accepted) this.accepted.push(call);
    return accepted;
  }

  /** Takes a batch as the batcher does, and notes its dies. */
  take(limit: number): TakenDie[] {
    this.expire();
    const dies = this.queue
      .take(this.nowMs, limit)
      .flatMap(({ call, from, count }) => Array.from({ length: count }, (_, i) => ({ call, die: from + i })));
    for (const { call, die } of dies) call.exits[die]?.push('taken');
    this.taken.push(...dies);
    return dies;
  }

  cancel(call: WalkedCall): void {
    this.queue.cancel(call);
    leave(call, 'cancelled');
  }

  expire(): WalkedCall[] {
    const expired = this.queue.expire(this.nowMs);
    for (const call of expired) leave(call, 'expired');
    return expired;
  }

  step(step: Step): void {
    if (step.do === 'offer') this.offer(step.lane, step.dies, step.withinMs);
    else if (step.do === 'take') this.take(step.limit);
    else if (step.do === 'wait') this.nowMs += step.ms;
    else {
      const call = this.accepted[step.which % Math.max(1, this.accepted.length)];
      if (call !== undefined) this.cancel(call);
    }
  }
}

/** The dies of a call that still waited leave together. */
function leave(call: WalkedCall, how: string): void {
  for (const exit of call.exits) if (exit.length === 0) exit.push(how);
}
