import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normalCdf, normalUpperQuantile, normalUpperTail } from '../../src/statistics/normal.js';

describe('upper tail against erfc of the C library', () => {
  test.each([
    [0, 0.5],
    [0.5, 0.3085375387259869],
    [1, 0.15865525393145707],
    [1.96, 0.024997895148220435],
    [2.9999999, 0.001349898474815001],
    [3, 0.0013498980316300957],
    [5, 2.866515718791946e-7],
    [10, 7.619853024160593e-24],
    [37, 5.725571222525139e-300],
  ])('P(Z > %f)', (z, expected) => {
    expect(Math.abs(normalUpperTail(z) / expected - 1)).toBeLessThan(1e-12);
  });
});

describe('quantiles that tables give', () => {
  test.each([
    [0.5, 0],
    [0.05, 1.6448536269514722],
    [0.025, 1.959963984540054],
    [0.005, 2.5758293035489004],
    [0.0005, 3.2905267314918945],
    [1e-10, 6.361340902404056],
  ])('tail %f', (tail, expected) => {
    expect(normalUpperQuantile(tail)).toBeCloseTo(expected, 12);
  });
});

test('the quantile undoes the tail', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 30, noNaN: true }), (z) => {
      expect(Math.abs(normalUpperQuantile(normalUpperTail(z)) - z)).toBeLessThan(1e-9);
    }),
  );
});

test('the two tails are one in all, and the distribution never falls', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -8, max: 8, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (z, step) => {
        expect(normalCdf(z) + normalCdf(-z)).toBeCloseTo(1, 15);
        expect(normalCdf(z + step)).toBeGreaterThanOrEqual(normalCdf(z));
      },
    ),
  );
});
