import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Call } from '../../../src/serving/batching/call.js';
import {
  leastServed,
  type QueuedVersion,
  VersionQueue,
} from '../../../src/serving/batching/version-queue.js';

function version(limits: Partial<QueuedVersion> = {}, costs: readonly (readonly [number, number])[] = []) {
  const defaults = {
    key: 'm/1',
    parameterCount: 1,
    maxBatchSize: 64,
    maxQueueDelayMs: 0,
    maxQueueSize: 10_000,
  };
  const made = new VersionQueue({ ...defaults, ...limits });
  for (const [dies, ms] of costs) made.cost.observe(dies, ms);
  return made;
}

function offer(queue: VersionQueue, dies: number, deadlineAtMs = Number.POSITIVE_INFINITY): Call {
  const request = {
    dies,
    params: new Float32Array(dies),
    lane: 'bulk',
    deadlineAtMs,
    explain: false,
  } as const;
  const call = new Call(
    request,
    0,
    () => {},
    () => {},
  );
  queue.queue.offer(call);
  return call;
}

const diesOfNext = (queue: VersionQueue, nowMs = 0): number =>
  queue.next(nowMs)?.slices.reduce((dies, { count }) => dies + count, 0) ?? 0;

/** Costs 1 ms a die and 2 ms a batch. */
const LINE = [1, 8, 64].map((dies): [number, number] => [dies, dies + 2]);

describe('the size of the next batch', () => {
  it('is maxBatchSize where no deadline is near', () => {
    const queue = version({}, LINE);
    offer(queue, 100, 1000);
    expect(diesOfNext(queue)).toBe(64);
  });

  it('is what the measured cost allows before the nearest deadline', () => {
    const queue = version({}, LINE);
    offer(queue, 100, 22.001);
    expect(diesOfNext(queue)).toBe(20);
  });

  it('is full again when the die with the nearest deadline has left', () => {
    const queue = version({}, LINE);
    const hurried = offer(queue, 1, 22.001);
    offer(queue, 200);
    queue.queue.cancel(hurried);
    expect(diesOfNext(queue)).toBe(64);
  });

  it('is full where even one die alone would miss the deadline', () => {
    const queue = version({}, LINE);
    offer(queue, 100, 2.5);
    expect(diesOfNext(queue)).toBe(64);
  });

  it('is full where small batches would waste more than half of the worker', () => {
    const queue = version({}, [
      [1, 20.1],
      [8, 20.8],
      [64, 26.4],
    ]);
    offer(queue, 100, 20.5);
    expect(diesOfNext(queue)).toBe(64);
  });

  it('is never 0 and never above maxBatchSize, whatever the costs and deadlines', () => {
    const ms = fc.double({ min: 0, max: 50, noNaN: true });
    const costs = fc.array(fc.tuple(fc.integer({ min: 1, max: 64 }), ms), { maxLength: 10 });
    fc.assert(
      fc.property(
        costs,
        fc.integer({ min: 1, max: 64 }),
        fc.array(ms, { minLength: 1 }),
        (measured, full, deadlines) => {
          const queue = version({ maxBatchSize: full }, measured);
          for (const deadline of deadlines) offer(queue, 3, deadline + 0.001);
          const dies = diesOfNext(queue);
          expect(dies).toBeGreaterThanOrEqual(1);
          expect(dies).toBeLessThanOrEqual(full);
        },
      ),
    );
  });
});

describe('batches that are to be run again', () => {
  it('leave before anything that waits', () => {
    const queue = version();
    const first = offer(queue, 2);
    const batch = queue.next(0);
    offer(queue, 1);
    queue.again.push({ slices: batch?.slices ?? [], losses: 1, reason: 'retry' });
    expect(queue.next(0)).toEqual({
      slices: [{ call: first, from: 0, count: 2 }],
      losses: 1,
      reason: 'retry',
    });
  });

  it('expire as waiting dies do, and bound the nearest deadline', () => {
    const queue = version();
    const call = offer(queue, 2, 50);
    queue.again.push({ slices: queue.next(0)?.slices ?? [], losses: 1, reason: 'retry' });
    expect(queue.nearestDeadlineAtMs).toBeLessThanOrEqual(50);
    expect(queue.expire(49)).toEqual([]);
    expect(queue.expire(50)).toEqual([call]);
    expect(queue.readyAtMs()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('retry-after of a full queue', () => {
  it('is the whole seconds until the waiting dies have been run by all workers', () => {
    const queue = version({ maxBatchSize: 10 }, [[10, 100]]);
    offer(queue, 1000);
    expect(queue.retryAfterSeconds(1)).toBe(10);
    expect(queue.retryAfterSeconds(4)).toBe(3);
  });

  it('is at least 1 and at most 30, whatever was measured', () => {
    const ms = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 64 }), ms)),
        fc.nat(10_000),
        fc.nat(16),
        (costs, dies, workers) => {
          const queue = version({}, costs);
          if (dies > 0) offer(queue, dies);
          const seconds = queue.retryAfterSeconds(workers);
          expect(Number.isInteger(seconds)).toBe(true);
          expect(seconds).toBeGreaterThanOrEqual(1);
          expect(seconds).toBeLessThanOrEqual(30);
        },
      ),
    );
  });
});

describe('whose batch leaves next', () => {
  it('is that of the version which has been given the least worker time, of those that are ready', () => {
    const [busy, fresh, waits, empty] = [version(), version(), version({ maxQueueDelayMs: 10 }), version()];
    for (const queue of [busy, fresh, waits]) offer(queue, 1);
    busy.servedMs = 5;
    fresh.servedMs = 4;
    expect(leastServed([busy, fresh, waits, empty], 0)).toBe(fresh);
    expect(leastServed([busy, fresh, waits, empty], 10)).toBe(waits);
    expect(leastServed([empty], 0)).toBeUndefined();
  });
});
