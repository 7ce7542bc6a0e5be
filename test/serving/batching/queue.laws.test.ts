import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BULK_SHARE, LANES } from '../../../src/serving/batching/queue.js';
import { lane, limits, QueueWalk, type Step, steps } from '../../support/queue-walk.js';

/** What a test looks at during one walk: after each step, and at the end. */
interface Watch {
  readonly step?: (step: Step) => void;
  readonly end?: () => void;
}

/** Walks queues of all sorts through steps of all sorts, each with a watch of its own. */
function walks(watch: (walk: QueueWalk) => Watch): void {
  fc.assert(
    fc.property(limits, steps, (queueLimits, path) => {
      const walk = new QueueWalk(queueLimits);
      const { step: look, end } = watch(walk);
      for (const step of path) {
        walk.step(step);
        look?.(step);
      }
      end?.();
    }),
    { numRuns: 150 },
  );
}

describe('the laws of the queue', () => {
  it('every accepted die leaves exactly once: taken, cancelled or expired', () => {
    walks((walk) => ({
      end() {
        while (walk.queue.waitingDies > 0) walk.take(16);
        walk.nowMs = Number.MAX_SAFE_INTEGER;
        expect(walk.expire()).toEqual([]);
        const exits = walk.accepted.flatMap((call) => call.exits.map(({ length }) => length));
        expect(exits).toEqual(exits.map(() => 1));
      },
    }));
  });

  it('counts the dies that wait, never more than maxQueueSize', () => {
    walks((walk) => ({
      step() {
        expect(walk.queue.waitingDies).toBe(walk.waitingDies);
        expect(walk.waitingDies).toBeLessThanOrEqual(walk.queue.limits.maxQueueSize);
      },
    }));
  });

  it('accepts a call exactly when all of its dies find room', () => {
    fc.assert(
      fc.property(limits, fc.array(fc.tuple(lane, fc.integer({ min: 1, max: 40 }))), (queueLimits, calls) => {
        const walk = new QueueWalk(queueLimits);
        for (const [name, dies] of calls) {
          const fits = walk.waitingDies + dies <= queueLimits.maxQueueSize;
          expect(walk.queue.hasRoomFor(dies)).toBe(fits);
          expect(walk.offer(name, dies)).toBe(fits);
        }
      }),
    );
  });

  it('keeps the order within a lane, dies of a call included', () => {
    walks(({ taken }) => ({
      end() {
        for (const name of LANES) {
          const inLane = taken.filter(({ call }) => call.lane === name);
          const order = inLane.map(({ call, die }) => call.id * 1000 + die);
          expect(order).toEqual([...order].sort((a, b) => a - b));
        }
      },
    }));
  });

  it('takes at most the limit, and all that it may: a batch has room only when nothing waits', () => {
    walks((walk) => {
      let before = 0;
      return {
        step(step) {
          const dies = walk.taken.length - before;
          before = walk.taken.length;
          if (step.do !== 'take') return;
          expect(dies).toBeLessThanOrEqual(step.limit);
          if (dies < step.limit) expect(walk.queue.waitingDies).toBe(0);
        },
      };
    });
  });

  it('takes nothing at or after its deadline, and expires nothing before it', () => {
    fc.assert(
      fc.property(limits, steps, (queueLimits, path) => {
        const walk = new QueueWalk(queueLimits);
        for (const step of path) {
          if (step.do === 'take') {
            for (const call of walk.expire()) expect(call.deadlineAtMs).toBeLessThanOrEqual(walk.nowMs);
            for (const { call } of walk.take(step.limit))
              expect(call.deadlineAtMs).toBeGreaterThan(walk.nowMs);
          } else walk.step(step);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('refuses to take while an expired die waits', () => {
    const walk = new QueueWalk({ maxBatchSize: 8, maxQueueDelayMs: 0, maxQueueSize: 8 });
    walk.offer('realtime', 1, 5);
    expect(() => walk.queue.take(5, 8)).toThrow('expire() must come before take()');
  });

  it('knows a bound of the nearest deadline that is never late, and the deadline itself when asked', () => {
    walks((walk) => ({
      step() {
        const exact = Math.min(Number.POSITIVE_INFINITY, ...walk.waitingCalls().map((c) => c.deadlineAtMs));
        expect(walk.queue.nearestDeadlineAtMs).toBeLessThanOrEqual(exact);
        expect(walk.queue.exactNearestDeadlineAtMs()).toBe(exact);
      },
    }));
  });

  it('keeps no more cancelled calls than waiting ones, beyond a few', () => {
    const walk = new QueueWalk({ maxBatchSize: 8, maxQueueDelayMs: 0, maxQueueSize: 1000 });
    walk.offer('realtime', 1);
    for (let i = 0; i < 10_000; i++) {
      walk.offer('realtime', 1);
      const last = walk.accepted.at(-1);
      if (last !== undefined) walk.cancel(last);
    }
    expect(walk.queue.waitingDies).toBe(1);
    expect(walk.take(8).map(({ call }) => call.id)).toEqual([0]);
  });
});

describe('the two lanes of the queue', () => {
  const small = fc.integer({ min: 1, max: 64 });

  it('bulk gets its share of the dies, and no more, while both lanes wait', () => {
    fc.assert(
      fc.property(fc.array(small, { minLength: 1, maxLength: 100 }), (takes) => {
        const walk = new QueueWalk({ maxBatchSize: 64, maxQueueDelayMs: 0, maxQueueSize: 100_000 });
        walk.offer('realtime', 10_000);
        walk.offer('bulk', 10_000);
        for (const limit of takes) walk.take(limit);
        const bulk = walk.taken.filter(({ call }) => call.lane === 'bulk').length;
        expect(bulk).toBe(Math.floor(walk.taken.length * BULK_SHARE));
      }),
    );
  });

  it('bulk never keeps the realtime die at the head waiting for more than one batch', () => {
    walks((walk) => {
      let before = 0;
      let passedOver = 0;
      return {
        step(step) {
          const batch = walk.taken.slice(before);
          before = walk.taken.length;
          if (step.do !== 'take') return;
          const served = batch.some(({ call }) => call.lane === 'realtime');
          passedOver = served || walk.queue.waitingIn('realtime') === 0 ? 0 : passedOver + 1;
          expect(passedOver).toBeLessThanOrEqual(1);
        },
      };
    });
  });

  it('a share that bulk did not need is not saved up: a late flood gets its share, not whole batches', () => {
    const walk = new QueueWalk({ maxBatchSize: 8, maxQueueDelayMs: 0, maxQueueSize: 10_000 });
    walk.offer('realtime', 5000);
    for (let i = 0; i < 100; i++) {
      walk.offer('bulk', 1);
      walk.take(8);
    }
    walk.offer('bulk', 1000);
    const batch = walk.take(8);
    expect(batch.map(({ call }) => call.lane)).toEqual([
      ...Array(6).fill('realtime'),
      ...Array(2).fill('bulk'),
    ]);
  });

  it('either lane fills the batches alone when the other is empty', () => {
    for (const name of ['realtime', 'bulk'] as const) {
      const walk = new QueueWalk({ maxBatchSize: 8, maxQueueDelayMs: 0, maxQueueSize: 100 });
      walk.offer(name, 20);
      expect([8, 8, 8].map((limit) => walk.take(limit).length)).toEqual([8, 8, 4]);
    }
  });
});

describe('when the next batch may leave', () => {
  it('at once where maxQueueDelayMs is 0, or a batch is full; never where nothing waits', () => {
    walks((walk) => ({
      step() {
        const { queue, waitingDies } = walk;
        const { maxQueueDelayMs, maxBatchSize } = queue.limits;
        if (waitingDies === 0) expect(queue.readyAtMs()).toBe(Number.POSITIVE_INFINITY);
        else if (maxQueueDelayMs === 0 || waitingDies >= maxBatchSize) expect(queue.readyAtMs()).toBe(0);
      },
    }));
  });

  it('at the latest when the oldest die has waited maxQueueDelayMs, and before any deadline', () => {
    walks((walk) => ({
      step() {
        if (walk.waitingDies === 0) return;
        const oldest = Math.min(...walk.waitingCalls().map((c) => c.arrivedAtMs));
        const deadline = Math.min(...walk.waitingCalls().map((c) => c.deadlineAtMs));
        expect(walk.queue.readyAtMs()).toBeLessThanOrEqual(oldest + walk.queue.limits.maxQueueDelayMs);
        expect(walk.queue.readyAtMs()).toBeLessThan(deadline);
      },
    }));
  });

  it('exactly when the oldest die has waited maxQueueDelayMs, where no deadline is near', () => {
    const walk = new QueueWalk({ maxBatchSize: 8, maxQueueDelayMs: 5, maxQueueSize: 100 });
    walk.nowMs = 100;
    walk.offer('bulk', 2);
    walk.nowMs = 103;
    walk.offer('realtime', 1);
    expect(walk.queue.readyAtMs()).toBe(105);
    const [first] = walk.accepted;
    if (first !== undefined) walk.cancel(first);
    expect(walk.queue.readyAtMs()).toBe(108);
  });
});
