import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  differenceOf,
  type Interval,
  ratioOf,
  shareTest,
  wilson,
  zOf,
} from '../../src/statistics/proportions.js';
import { studentUpperTail } from '../../src/statistics/student.js';
import { randomOf } from '../traffic/support.js';

const z95 = zOf(0.05);

const sample = fc
  .integer({ min: 1, max: 100_000 })
  .chain((total) => fc.record({ count: fc.integer({ min: 0, max: total }), total: fc.constant(total) }));

function intervalOf(count: number, total: number, z = z95): Interval {
  return wilson(count, total, z) ?? expect.fail('expected an interval');
}

describe('Wilson interval, the examples of Newcombe 1998 (Statistics in Medicine 17, 857), method 3', () => {
  test.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('%i of %i', (count, total, low, high) => {
    const interval = intervalOf(count, total);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });
});

describe('difference, the examples of Newcombe 1998 (Statistics in Medicine 17, 873), method 10', () => {
  test.each([
    [56, 70, 48, 80, 0.0524, 0.3339],
    [9, 10, 3, 10, 0.1705, 0.809],
    [6, 7, 2, 7, 0.0582, 0.8062],
    [5, 56, 0, 29, -0.0381, 0.1926],
    [0, 10, 0, 20, -0.1611, 0.2775],
  ])('%i/%i - %i/%i', (a, m, b, n, low, high) => {
    const interval = differenceOf(intervalOf(b, n), intervalOf(a, m));
    expect(interval.value).toBeCloseTo(a / m - b / n, 12);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });
});

describe('a test of two shares', () => {
  test('of independent dies, the example of statsmodels proportions_ztest: 5 of 83 and 12 of 99', () => {
    const found = shareTest({ count: 12, total: 99 }, { count: 5, total: 83 }, 1, 0);
    expect(found?.z).toBeCloseTo(-1.4078, 4);
    expect(found?.pValue).toBeCloseTo(0.159, 3);
  });

  test("R's prop.test(c(15, 25), c(50, 50), correct = FALSE): X-squared = 4.1667, p-value = 0.04123", () => {
    const found = shareTest({ count: 15, total: 50 }, { count: 25, total: 50 }, 1, 0);
    expect((found?.z ?? 0) ** 2).toBeCloseTo(4.1667, 4);
    expect(found?.pValue).toBeCloseTo(0.04123, 5);
  });

  test("divides by the root of the design effect and goes by Student's t", () => {
    const [from, to] = [
      { count: 150, total: 500 },
      { count: 250, total: 500 },
    ];
    const independent = shareTest(from, to, 1, 0);
    const alike = shareTest(from, to, 4, 2);
    expect(alike?.z).toBeCloseTo((independent?.z ?? 0) / 2, 12);
    expect(alike?.pValue).toBeCloseTo(2 * studentUpperTail((independent?.z ?? 0) / 2, 2), 12);
  });

  test.each([
    ['no dies', { count: 0, total: 0 }, { count: 1, total: 2 }, 1],
    ['no fail at all', { count: 0, total: 900 }, { count: 0, total: 700 }, 1],
    ['fewer than five expected fails', { count: 4, total: 900 }, { count: 4, total: 900 }, 1],
    ['fewer than five of as many independent dies', { count: 40, total: 900 }, { count: 40, total: 900 }, 9],
  ])('says nothing on %s', (_, from, to, effect) => {
    expect(shareTest(from, to, effect, 20)).toBeUndefined();
  });
});

describe('ratio of two shares', () => {
  test('lies where a multiple of one share stops being told apart from the other', () => {
    fc.assert(
      fc.property(sample, sample, ({ count: a, total: m }, { count: b, total: n }) => {
        fc.pre(a > 0 && a < m && b > 0 && b < n);
        const [from, to] = [intervalOf(a, m), intervalOf(b, n)];
        const ratio = ratioOf(from, to);
        expect(ratio.low).toBeLessThanOrEqual(ratio.value);
        expect(ratio.value).toBeLessThanOrEqual(ratio.high);
        for (const limit of [ratio.low, ratio.high]) {
          const scaled = { value: limit * from.value, low: limit * from.low, high: limit * from.high };
          const difference = differenceOf(scaled, to);
          const nearest = limit === ratio.low ? difference.low : difference.high;
          expect(Math.abs(nearest)).toBeLessThan(1e-9 + 1e-6 * to.value);
        }
      }),
    );
  });

  test('to a version without any fail has no estimate and no upper limit, but a lower one', () => {
    const ratio = ratioOf(intervalOf(0, 1000), intervalOf(50, 1000));
    expect(ratio.value).toBe(Number.POSITIVE_INFINITY);
    expect(ratio.high).toBe(Number.POSITIVE_INFINITY);
    expect(ratio.low).toBeGreaterThan(2);
  });

  test('of a version without any fail is 0, with an upper limit', () => {
    const ratio = ratioOf(intervalOf(50, 1000), intervalOf(0, 1000));
    expect(ratio).toMatchObject({ value: 0, low: 0 });
    expect(ratio.high).toBeLessThan(0.5);
  });

  test('of two versions without any fail says nothing', () => {
    expect(ratioOf(intervalOf(0, 1000), intervalOf(0, 1000))).toEqual({
      value: Number.NaN,
      low: 0,
      high: Number.POSITIVE_INFINITY,
    });
  });
});

const quantile = fc.double({ min: 0.1, max: 6, noNaN: true });

test('a Wilson interval holds its estimate, stays within 0 to 1 and mirrors that of the complement', () => {
  fc.assert(
    fc.property(sample, quantile, ({ count, total }, z) => {
      const { value, low, high } = intervalOf(count, total, z);
      expect(low).toBeGreaterThanOrEqual(0);
      expect(low).toBeLessThanOrEqual(value);
      expect(value).toBeLessThanOrEqual(high);
      expect(high).toBeLessThanOrEqual(1);
      const mirrored = intervalOf(total - count, total, z);
      expect(mirrored.low).toBeCloseTo(1 - high, 9);
      expect(mirrored.high).toBeCloseTo(1 - low, 9);
    }),
  );
});

test('more confidence is a wider interval, more dies a narrower one', () => {
  fc.assert(
    fc.property(sample, ({ count, total }) => {
      const width = ({ low, high }: Interval) => high - low;
      expect(width(intervalOf(count, total, 3))).toBeGreaterThan(width(intervalOf(count, total, 2)));
      expect(width(intervalOf(4 * count, 4 * total))).toBeLessThan(width(intervalOf(count, total)));
    }),
  );
});

test('the difference the other way round is the same with its sign changed, and so is the test', () => {
  fc.assert(
    fc.property(sample, sample, (a, b) => {
      const [first, second] = [intervalOf(a.count, a.total), intervalOf(b.count, b.total)];
      const [there, back] = [differenceOf(first, second), differenceOf(second, first)];
      expect(there.low).toBeLessThanOrEqual(there.value);
      expect(there.value).toBeLessThanOrEqual(there.high);
      expect(back.low).toBeCloseTo(-there.high, 12);
      const [forth, reverse] = [shareTest(a, b, 2, 9), shareTest(b, a, 2, 9)];
      if (forth === undefined) {
        expect(reverse).toBeUndefined();
        return;
      }
      expect(reverse?.z).toBeCloseTo(-forth.z, 9);
      expect(reverse?.pValue).toBeCloseTo(forth.pValue, 9);
      expect(forth.pValue).toBeLessThanOrEqual(1);
      expect(forth.pValue).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('of samples without a difference, one in twenty is called significant at 0.05', () => {
  const random = randomOf('false alarms');
  const draw = () => {
    let count = 0;
    for (let i = 0; i < 400; i++) if (random.chance(0.2)) count++;
    return { count, total: 400 };
  };
  let alarms = 0;
  for (let i = 0; i < 4000; i++) if ((shareTest(draw(), draw(), 1, 0)?.pValue ?? 1) < 0.05) alarms++;
  expect(alarms / 4000).toBeGreaterThan(0.04);
  expect(alarms / 4000).toBeLessThan(0.06);
});
