import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RateLimit, RateLimits } from '../../src/callers/rates.js';
import { FakeClock } from '../support/fake-clock.js';

const nobody = { keyId: '', address: () => '10.0.0.1' };

describe('a rate', () => {
  test('lets so many requests through in any second, and says what is left', async () => {
    const clock = new FakeClock();
    const limit = new RateLimit('caller', 2, clock);
    const seen = () => {
      const { headers, refusal } = limit.count('ada');
      return [headers.ratelimit, refusal?.code, refusal?.retryAfterSeconds];
    };
    expect(limit.count('ada').headers).toEqual({
      'ratelimit-policy': '"caller";q=2;w=1',
      ratelimit: '"caller";r=1;t=1',
    });
    expect(seen()).toEqual(['"caller";r=0;t=1', undefined, undefined]);
    expect(seen()).toEqual(['"caller";r=0;t=1', 'rate_limited', 1]);
    expect(limit.count('ada').refusal?.message).toBe('ada is over its 2 prediction requests a second');
    await clock.advance(999);
    expect(seen()).toEqual(['"caller";r=0;t=1', 'rate_limited', 1]);
    // A request counts to the end of its slot of 50 ms.
    await clock.advance(51);
    expect(seen()).toEqual(['"caller";r=1;t=1', undefined, undefined]);
  });

  test('says a second at most, whatever fraction of one the clock shows', () => {
    for (const nowMs of [0.1, 24.392281366861326, 1e6 + 1 / 3]) {
      const limit = new RateLimit('caller', 1, Object.assign(new FakeClock(), { nowMs: () => nowMs }));
      limit.count('ada');
      const { headers, refusal } = limit.count('ada');
      expect([headers.ratelimit, refusal?.retryAfterSeconds]).toEqual(['"caller";r=0;t=1', 1]);
    }
  });

  test('is used up when the next request would be too many', async () => {
    const clock = new FakeClock();
    const limit = new RateLimit('caller', 1, clock);
    expect(limit.isUsedUp('ada')).toBe(false);
    limit.count('ada');
    expect([limit.isUsedUp('ada'), limit.isUsedUp('bob')]).toEqual([true, false]);
    await clock.advance(1_050);
    expect(limit.isUsedUp('ada')).toBe(false);
  });

  test('has no border over which twice as many come through', async () => {
    const clock = new FakeClock();
    const limit = new RateLimit('caller', 100, clock);
    const letThrough = () =>
      Array.from({ length: 150 }, () => limit.count('ada')).filter(({ refusal }) => !refusal);
    expect(letThrough()).toHaveLength(100);
    for (const afterMs of [1, 498, 500]) {
      await clock.advance(afterMs);
      expect(letThrough()).toHaveLength(0);
    }
    await clock.advance(51);
    expect(letThrough()).toHaveLength(100);
  });

  test('is kept by each: in no second more than its number, and none is refused that comes after 1.05 s', async () => {
    const request = fc.record({ who: fc.constantFrom('a', 'b', 'c'), afterMs: fc.nat({ max: 700 }) });
    const property = fc.asyncProperty(
      fc.array(request),
      fc.integer({ min: 1, max: 3 }),
      async (requests, max) => {
        const clock = new FakeClock();
        const limit = new RateLimit('caller', max, clock);
        const letAt = new Map<string, number[]>();
        for (const { who, afterMs } of requests) {
          await clock.advance(afterMs);
          const before = letAt.get(who) ?? [];
          const within = (ms: number) => before.filter((atMs) => clock.nowMs() - atMs < ms).length;
          const isLet = limit.count(who).refusal === undefined;
          if (within(1000) >= max) expect(isLet).toBe(false);
          if (within(1050) < max) expect(isLet).toBe(true);
          if (isLet) letAt.set(who, [...before, clock.nowMs()]);
        }
      },
    );
    await fc.assert(property);
  });

  test('forgets whoever came first where too many are known', () => {
    const limit = new RateLimit('caller', 1, new FakeClock());
    for (let i = 0; i <= 10_000; i++) limit.count(`caller ${i}`);
    expect([limit.isUsedUp('caller 0'), limit.isUsedUp('caller 1')]).toEqual([false, true]);
  });
});

describe('the limits of prediction requests', () => {
  test('that nobody has set count nothing', () => {
    const limits = new RateLimits({ perCaller: 0, perEquipment: 0 }, new FakeClock());
    expect([limits.countCaller(nobody), limits.countEquipment(nobody, 'T1')]).toEqual([undefined, undefined]);
    expect(limits.isCallerUsedUp(nobody)).toBe(false);
  });

  test('are of a key, whatever its address, or of an address', () => {
    const limits = new RateLimits({ perCaller: 1, perEquipment: 0 }, new FakeClock());
    const isOver = (keyId: string, address: string) =>
      limits.countCaller({ keyId, address: () => address })?.refusal !== undefined;
    expect([isOver('ada', 'x'), isOver('ada', 'y'), isOver('bob', 'x')]).toEqual([false, true, false]);
    expect([isOver('', 'x'), isOver('', 'x'), isOver('', 'y')]).toEqual([false, true, false]);
  });

  test("of equipment are a caller's own, and the caller's where none is named", () => {
    const limits = new RateLimits({ perCaller: 0, perEquipment: 1 }, new FakeClock());
    const detailOf = (keyId: string, equipmentId: string | null | undefined) =>
      limits.countEquipment({ ...nobody, keyId }, equipmentId)?.refusal?.message;
    for (const times of [1, 2]) {
      const over = (who: string) =>
        times === 1 ? undefined : `${who} is over its 1 prediction requests a second`;
      expect(detailOf('', 'T1')).toBe(over('equipment "T1"'));
      expect(detailOf('ada', 'T1')).toBe(over('equipment "T1" of key "ada"'));
      expect(detailOf('bob', 'T1')).toBe(over('equipment "T1" of key "bob"'));
      expect(detailOf('', null)).toBe(over('address 10.0.0.1'));
      expect(detailOf('ada', undefined)).toBe(over('key "ada"'));
    }
  });
});
