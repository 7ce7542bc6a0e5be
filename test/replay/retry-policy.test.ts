import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRetryAfterMs, retryDelayMs } from '../../src/replay/retry-policy.js';

const policy = { baseMs: 50, maxMs: 5000, patienceMs: 60_000 };

describe('the wait before dies are posted again', () => {
  it('doubles with each attempt up to its bound, its upper half by chance', () => {
    const waits = [1, 2, 3, 8, 40].map((attempts) => {
      const attempt = { attempts, elapsedMs: 0, retryAfterMs: undefined };
      return [retryDelayMs(policy, attempt, 0), retryDelayMs(policy, attempt, 0.999999)?.toFixed(0)];
    });
    expect(waits).toEqual([
      [25, '50'],
      [50, '100'],
      [100, '200'],
      [2500, '5000'],
      [2500, '5000'],
    ]);
  });

  it('is never shorter than the server asks for, and ends within the patience or not at all', () => {
    const attempt = fc.record({
      attempts: fc.integer({ min: 1, max: 1000 }),
      elapsedMs: fc.double({ min: 0, max: 100_000, noNaN: true }),
      retryAfterMs: fc.option(fc.integer({ min: 0, max: 100_000 }), { nil: undefined }),
    });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(attempt, random, (failed, chance) => {
        const delay = retryDelayMs(policy, failed, chance);
        if (delay === undefined) {
          const most = (failed.retryAfterMs ?? 0) + policy.maxMs;
          expect(failed.elapsedMs + most).toBeGreaterThan(policy.patienceMs);
          return;
        }
        expect(delay).toBeGreaterThanOrEqual(failed.retryAfterMs ?? policy.baseMs / 2);
        expect(delay).toBeLessThanOrEqual((failed.retryAfterMs ?? 0) + policy.maxMs);
        expect(failed.elapsedMs + delay).toBeLessThanOrEqual(policy.patienceMs);
      }),
    );
  });
});

describe('retry-after', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  it.each([
    ['2', 2000],
    ['0', 0],
    [' 3 ', 3000],
    ['Thu, 01 Jan 2026 00:00:05 GMT', 5000],
    ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
    [undefined, undefined],
    ['', undefined],
    ['soon', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['99999999999', undefined],
    ['Thu', undefined],
  ])('%j asks for %j ms', (header, expected) => {
    expect(readRetryAfterMs(header, now)).toBe(expected);
  });
});
