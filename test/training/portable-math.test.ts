import { describe, expect, it } from 'vitest';
import { exp, log } from '../../src/training/portable-math.js';
import { createRandom } from '../../src/training/random.js';
import { chiSquareQuantile, normalQuantile } from '../../src/training/screen/quantile.js';

const relative = (found: number, expected: number) => Math.abs(found - expected) / Math.abs(expected);

describe('arithmetic that is the same on every machine', () => {
  it('log and exp are within a few units in the last place of the platform', () => {
    for (const x of [5e-324, 1e-310, 1e-300, 1e-9, 0.3, 0.72, 0.999999, 1.0000001, 1.5, 2, 1e10, 1e308]) {
      expect(relative(log(x), Math.log(x))).toBeLessThan(1e-15);
    }
    for (const x of [-744, -700, -30.5, -1, -1e-9, 0, 1e-9, 0.5, 1, 30.5, 700, 709.7]) {
      expect(relative(exp(x), Math.exp(x))).toBeLessThan(x < -708 ? 1e-3 : 1e-14);
    }
  });

  it('log and exp keep to the limits', () => {
    expect([log(0), log(-1), log(1), log(Number.POSITIVE_INFINITY)]).toEqual([
      Number.NEGATIVE_INFINITY,
      Number.NaN,
      0,
      Number.POSITIVE_INFINITY,
    ]);
    expect([exp(-1000), exp(1000), exp(Number.NaN)]).toEqual([0, Number.POSITIVE_INFINITY, Number.NaN]);
  });

  it('the random numbers of a name never change', () => {
    const random = createRandom('pinned');
    expect([random.uniform(), random.normal(), random.normal(), random.below(1000)]).toMatchInlineSnapshot(`
      [
        0.6642192095971637,
        1.5620328698241626,
        0.48036203229624747,
        126,
      ]
    `);
  });

  it('normal numbers have mean 0, variance 1 and normal tails', () => {
    const random = createRandom('moments');
    const values = Array.from({ length: 100_000 }, () => random.normal());
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    const beyond3 = values.filter((value) => Math.abs(value) > 3).length / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.01);
    expect(Math.abs(variance - 1)).toBeLessThan(0.015);
    expect(beyond3).toBeGreaterThan(0.002);
    expect(beyond3).toBeLessThan(0.0034);
  });

  it('quantiles are those of the tables', () => {
    expect(normalQuantile(0.975)).toBeCloseTo(1.959964, 5);
    expect(normalQuantile(0.001)).toBeCloseTo(-3.090232, 5);
    expect(chiSquareQuantile(0.99, 10)).toBeCloseTo(23.209, 1);
    expect(chiSquareQuantile(0.95, 100)).toBeCloseTo(124.342, 1);
  });
});
