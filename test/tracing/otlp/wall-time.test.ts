import { hrTimeToNanoseconds } from '@opentelemetry/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createWallTime } from '../../../src/tracing/otlp/tracing.js';

const STARTED_MS = 1_764_000_000_000;

function bench() {
  const now = { monotonicMs: 5000, setByMs: 0 };
  const timeOf = createWallTime(
    () => now.monotonicMs,
    // Whole milliseconds, as Date.now() has them.
    () => Math.floor(STARTED_MS + now.monotonicMs + now.setByMs),
  );
  return { now, msOf: (ms: number) => hrTimeToNanoseconds(timeOf(ms)) / 1e6 };
}

test('times keep their order and distance, whenever they are asked for', () => {
  const ms = fc.double({ min: 0, max: 1e6, noNaN: true });
  fc.assert(
    fc.property(ms, ms, ms, (first, second, passedMs) => {
      const { now, msOf } = bench();
      const from = msOf(first);
      now.monotonicMs += passedMs;
      // A double since 1970 is good to a quarter of a microsecond.
      expect(Math.abs(msOf(second) - from - (second - first))).toBeLessThan(0.002);
    }),
  );
});

test('a machine whose clock is set moves with it', () => {
  const { now, msOf } = bench();
  expect(msOf(5000)).toBeCloseTo(STARTED_MS + 5000, 2);
  now.setByMs = 3_600_000;
  expect(msOf(5000)).toBeCloseTo(STARTED_MS + 5000 + 3_600_000, 2);
});
