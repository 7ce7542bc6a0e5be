import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explain } from '../../../src/models/decision/explain.js';

const unnamed = (parameters: number) => ({ input: { name: 'x', parameters, missing: 'impute' as const } });

describe('the explanation of a decision', () => {
  it('names the k test parameters that contributed most, largest first', () => {
    const parameters = [{ name: 'vdd', expected: 1.5 }, { name: 'idd' }, { name: 'leak', expected: 0 }];
    const manifest = { input: { name: 'x', parameters, missing: 'impute' as const } };
    expect(explain(2, Float32Array.of(1, 6, 3), Float32Array.of(1.25, 8, Number.NaN), manifest)).toEqual([
      { index: 1, name: 'idd', value: 8, expected: null, share: 0.6 },
      { index: 2, name: 'leak', value: null, expected: 0, share: 0.3 },
    ]);
  });

  it('lists equal contributions by their position', () => {
    const order = explain(4, Float32Array.of(2, 5, 2, 5), new Float32Array(4), unnamed(4)).map(
      ({ index }) => index,
    );
    expect(order).toEqual([1, 3, 0, 2]);
  });

  it('names a parameter without a name by its position', () => {
    expect(explain(1, Float32Array.of(0, 1), new Float32Array(2), unnamed(2))[0]).toMatchObject({
      name: '1',
      expected: null,
    });
  });

  it('gives all parameters where fewer exist than are asked for', () => {
    expect(explain(10, Float32Array.of(1, 1), new Float32Array(2), unnamed(2))).toHaveLength(2);
  });

  it('gives shares of 0 where nothing contributed, and where a contribution is not a number', () => {
    const shares = (contributions: Float32Array) =>
      explain(3, contributions, new Float32Array(3), unnamed(3)).map(({ share }) => share);
    expect(shares(new Float32Array(3))).toEqual([0, 0, 0]);
    expect(shares(Float32Array.of(Number.NaN, 3, Number.POSITIVE_INFINITY))).toEqual([1, 0, 0]);
  });

  it('the shares of all parameters sum to 1, each between 0 and 1', () => {
    const contributions = fc.array(fc.float({ min: 0, max: 1000, noNaN: true }), {
      minLength: 1,
      maxLength: 100,
    });
    fc.assert(
      fc.property(contributions, (values) => {
        fc.pre(values.some((value) => value > 0));
        const row = Float32Array.from(values);
        const shares = explain(row.length, row, row, unnamed(row.length)).map(({ share }) => share);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
        expect(Math.min(...shares)).toBeGreaterThanOrEqual(0);
        expect([...shares].sort((a, b) => b - a)).toEqual(shares);
      }),
    );
  });
});
