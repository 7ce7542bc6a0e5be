import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chanceIndex, stabilityIndex } from '../../src/drift/psi.js';
import { createRandom } from '../../src/training/random.js';

const sharesOf = (counts: readonly number[]) => {
  const total = counts.reduce((a, b) => a + b, 0);
  return { shares: counts.map((count) => count / total), total };
};

const between = (expected: readonly number[], actual: readonly number[]) => {
  const [e, a] = [sharesOf(expected), sharesOf(actual)];
  return stabilityIndex(e.shares, e.total, a.shares, a.total);
};

describe('the published worked examples', () => {
  // G. Navas-Palencia, OptBinning's tutorial on scorecard monitoring, its two tables of the index:
  // the FICO home equity data (train and test) and the California housing data.
  test('FICO home equity: 0.006084', () => {
    const expected = [599, 735, 939, 418, 1269, 542, 832, 401, 747, 839];
    const actual = [245, 310, 390, 187, 505, 284, 329, 177, 346, 365];
    const byBin = [175, 26, 125, 107, 921, 3308, 710, 48, 638, 25];
    expect(between(expected, actual).uncorrected).toBeCloseTo(0.006084, 6);
    const [e, a] = [sharesOf(expected).shares, sharesOf(actual).shares];
    const terms = e.map((share, i) => ((a[i] ?? 0) - share) * Math.log((a[i] ?? 0) / share) * 1e6);
    expect(terms.map(Math.round)).toEqual(byBin);
  });

  test('California housing: 0.001493', () => {
    const expected = [936, 1425, 1651, 1718, 2206, 2196, 1683, 723, 753, 1157];
    const actual = [406, 591, 760, 720, 933, 930, 765, 298, 310, 479];
    expect(between(expected, actual).uncorrected).toBeCloseTo(0.001493, 6);
  });
});

test('by hand: 10% of the dies moved from one decile to its neighbour', () => {
  const expected = new Array<number>(10).fill(0.1);
  const actual = [0.05, 0.15, ...expected.slice(2)];
  const byHand = -0.05 * Math.log(0.5) + 0.05 * Math.log(1.5);
  expect(stabilityIndex(expected, 1e9, actual, 1e9).uncorrected).toBeCloseTo(byHand, 12);
});

test('a normal distribution that moved by d standard deviations has an index of a little under d²', () => {
  // Shares of a normal distribution between the deciles of a standard one, by brute force.
  const random = createRandom('psi of a moved normal');
  const deciles = [-1.281552, -0.841621, -0.524401, -0.253347, 0, 0.253347, 0.524401, 0.841621, 1.281552];
  for (const d of [0.3, 0.5, 0.8]) {
    const counts = new Array<number>(10).fill(0);
    const dies = 200_000;
    for (let i = 0; i < dies; i++) {
      const value = random.normal() + d;
      const at = deciles.filter((edge) => value > edge).length;
      counts[at] = (counts[at] ?? 0) + 1;
    }
    const shares = counts.map((count) => count / dies);
    const { uncorrected } = stabilityIndex(new Array<number>(10).fill(0.1), 1e9, shares, dies);
    expect(uncorrected).toBeGreaterThan(0.9 * d * d);
    expect(uncorrected).toBeLessThan(d * d);
  }
});

test('an empty bin counts as half a die, whichever side it is on', () => {
  const expected = [0.5, 0.5];
  const actual = [1, 0];
  const byHand = 0.5 * Math.log(2) + (1 / 200 - 0.5) * Math.log(1 / 200 / 0.5);
  expect(stabilityIndex(expected, 1000, actual, 100).uncorrected).toBeCloseTo(byHand, 12);
  expect(stabilityIndex(actual, 100, expected, 1000).uncorrected).toBeCloseTo(byHand, 12);
});

test('a bin that is empty on both sides adds nothing, not even to what chance is expected to', () => {
  const { psi, uncorrected } = stabilityIndex([0.5, 0, 0.5], 1000, [0.4, 0, 0.6], 1000);
  expect(stabilityIndex([0.5, 0.5], 1000, [0.4, 0.6], 1000)).toEqual({ psi, uncorrected });
});

test('no counts of any kind give an infinity, a NaN or an index below 0', () => {
  const counts = fc.array(fc.nat(1000), { minLength: 2, maxLength: 11 }).filter((c) => c.some((n) => n > 0));
  fc.assert(
    fc.property(counts, counts, (expected, actual) => {
      const length = Math.min(expected.length, actual.length);
      const [e, a] = [expected.slice(0, length), actual.slice(0, length)];
      fc.pre(e.some((n) => n > 0) && a.some((n) => n > 0));
      const { psi, uncorrected } = between(e, a);
      expect(Number.isFinite(psi) && psi >= 0).toBe(true);
      expect(Number.isFinite(uncorrected) && uncorrected > -1e-12).toBe(true);
      expect(between(a, e).uncorrected).toBeCloseTo(uncorrected, 9);
    }),
  );
  expect(stabilityIndex([1], 10, [0], 0)).toEqual({ psi: 0, uncorrected: 0 });
});

test('what chance adds to samples of one distribution is what is taken off, by brute force', () => {
  const random = createRandom('psi under no drift');
  const draw = (dies: number) => {
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < dies; i++) {
      const bin = random.below(10);
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    return counts;
  };
  const repetitions = 2000;
  for (const [n, m] of [
    [500, 7396],
    [500, 500],
    [5000, 2000],
  ] as const) {
    let sum = 0;
    for (let i = 0; i < repetitions; i++) sum += between(draw(m), draw(n)).uncorrected;
    const expected = chanceIndex(10, n, m);
    // Chi-square with 9 degrees of freedom: its mean has a relative standard error of sqrt(2/9/2000) = 1.1%.
    expect(sum / repetitions / expected).toBeGreaterThan(0.95);
    expect(sum / repetitions / expected).toBeLessThan(1.05);
  }
});
