import fc from 'fast-check';
import { expect, test } from 'vitest';
import { QuantileSketch, SKETCH_ACCURACY } from '../../src/traffic/sketch.js';

const QS = [0, 0.01, 0.25, 0.5, 0.9, 0.99, 1];

/** Positive, negative and zero, from tiny to huge. */
const value = fc.oneof(
  fc.double({ min: -1e9, max: 1e9, noNaN: true }),
  fc.double({ min: -1, max: 1, noNaN: true }),
  fc
    .tuple(fc.integer({ min: -60, max: 89 }), fc.boolean())
    .map(([tenths, minus]) => (minus ? -1 : 1) * 10 ** (tenths / 10)),
  fc.constantFrom(0, -0, 1e-6, -1e-6, 1, 1e9, -1e9),
);
const values = fc.array(value, { minLength: 1, maxLength: 300 });

function sketchOf(all: readonly number[]): QuantileSketch {
  const sketch = new QuantileSketch();
  for (const one of all) sketch.add(one);
  return sketch;
}

test('there are no quantiles of nothing', () => {
  expect(new QuantileSketch().quantile(0.5)).toBeUndefined();
});

test('a quantile is within 1% of the value of its rank, or within 1e-6 of a value near 0', () => {
  fc.assert(
    fc.property(values, (all) => {
      const sketch = sketchOf(all);
      const sorted = [...all].sort((a, b) => a - b);
      for (const q of QS) {
        const exact = sorted[Math.floor(q * (all.length - 1))] ?? Number.NaN;
        const tolerance = Math.max(1.000001e-6, Math.abs(exact) * SKETCH_ACCURACY * (1 + 1e-9));
        expect(Math.abs((sketch.quantile(q) ?? Number.NaN) - exact)).toBeLessThanOrEqual(tolerance);
      }
      // 0 and -0 are the same value.
      expect(sketch.min === Math.min(...all) && sketch.max === Math.max(...all)).toBe(true);
    }),
  );
});

test('quantiles ascend and stay between the least and the largest value', () => {
  fc.assert(
    fc.property(values, (all) => {
      const sketch = sketchOf(all);
      const found = QS.map((q) => sketch.quantile(q) ?? Number.NaN);
      expect(found).toEqual([...found].sort((a, b) => a - b));
      expect(found[0]).toBeGreaterThanOrEqual(sketch.min);
      expect(found.at(-1)).toBeLessThanOrEqual(sketch.max);
    }),
  );
});

test('two sketches merged are the sketch of all', () => {
  fc.assert(
    fc.property(values, fc.array(value, { maxLength: 100 }), (some, others) => {
      const merged = sketchOf(some);
      merged.merge(sketchOf(others));
      const whole = sketchOf([...some, ...others]);
      expect(merged.count).toBe(whole.count);
      for (const q of QS) expect(merged.quantile(q)).toBe(whole.quantile(q));
    }),
  );
});

test('a magnitude above 1e9 counts as the largest', () => {
  const sketch = sketchOf([1, 1e12, 1e300]);
  expect(sketch.quantile(0.5)).toBeGreaterThanOrEqual(0.99e9);
  expect(sketch.max).toBe(1e300);
});

test('what is not a finite number is left out', () => {
  const sketch = sketchOf([1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  expect(sketch.count).toBe(1);
  expect(sketch.quantile(1)).toBe(1);
});
