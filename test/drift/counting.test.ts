import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countRow } from '../../src/drift/bin-counts.js';
import { DriftComparison, kolmogorovSmirnov, shiftOf } from '../../src/drift/compare.js';
import { CELLS, DriftCounts, floatsOfCounts } from '../../src/drift/counts.js';
import { DriftCounter } from '../../src/drift/drift-counter.js';
import { BINS, type ReferenceBins, referenceBins } from '../../src/drift/reference-bins.js';
import { groupCode } from '../../src/drift/wafer-buckets.js';
import { createRandom } from '../../src/training/random.js';
import { olderReferenceOfColumns, referenceOfColumns } from './references.js';

/** A column of values, tied, negative and missing ones among them. */
const column = fc.array(
  fc.oneof(
    fc.integer({ min: -3, max: 3 }),
    fc.float({ noNaN: true, min: -5, max: 5 }),
    fc.constant(Number.NaN),
  ),
  { minLength: 1, maxLength: 60 },
);

function counted(columns: readonly (readonly number[])[], reference = referenceOfColumns(columns)) {
  const dies = Math.max(...columns.map(({ length }) => length));
  const rows = new Float32Array(dies * columns.length);
  columns.forEach((values, p) => {
    for (let die = 0; die < dies; die++) rows[die * columns.length + p] = values[die] ?? Number.NaN;
  });
  const bins = referenceBins(reference);
  const counts = new DriftCounts(columns.length);
  const table = { edges: bins.parameters.edges, means: bins.means, scales: bins.scales };
  for (let die = 0; die < dies; die++) countRow(counts, table, rows, die);
  counts.dies = dies;
  return { counts, bins, rows };
}

/** The first parameter against the reference. */
function drift(counts: DriftCounts, bins: ReferenceBins) {
  const comparison = new DriftComparison(bins);
  return comparison.parameter(comparison.reached(counts), 0);
}

describe('the counting kernel', () => {
  test('finds the bins that comparing with every edge finds, whatever the values', () => {
    fc.assert(
      fc.property(fc.array(column, { minLength: 1, maxLength: 4 }), (columns) => {
        const { counts, bins } = counted(columns);
        const hasValue = (p: number, die: number) => !Number.isNaN(columns[p]?.[die] ?? Number.NaN);
        const reaches = (p: number, die: number) =>
          columns.some((_, later) => later >= p && hasValue(later, die));
        columns.forEach((values, p) => {
          const cells = new Array<number>(CELLS).fill(0);
          const edges = [...bins.parameters.edges.subarray(p * 9, p * 9 + 9)];
          const dies = Math.max(...columns.map(({ length }) => length));
          for (let die = 0; die < dies; die++) {
            const value = Math.fround(values[die] ?? Number.NaN);
            if (!reaches(p, die)) continue;
            const at = Number.isNaN(value) ? BINS : edges.filter((edge) => value > edge).length;
            cells[at] = (cells[at] ?? 0) + 1;
          }
          expect([...counts.cells.subarray(p * CELLS, (p + 1) * CELLS)]).toEqual(cells);
          const stopped = Array.from({ length: dies }, (_, die) => die).filter(
            (die) => !reaches(p, die),
          ).length;
          expect(counts.stops.subarray(0, p + 1).reduce((sum, stops) => sum + stops, 0)).toBe(stopped);
        });
      }),
    );
  });

  test('sums far from zero lose no digits', () => {
    const random = createRandom('far from zero');
    const values = Array.from({ length: 5000 }, () => 1e6 + random.normal());
    const { counts, bins } = counted([values]);
    const shift = shiftOf(counts.sums[0] ?? 0, counts.squares[0] ?? 0, values.length);
    const floats = values.map(Math.fround);
    const mean = floats.reduce((a, b) => a + b, 0) / floats.length;
    const deviation = Math.sqrt(
      floats.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (floats.length - 1),
    );
    const scale = bins.scales[0] ?? 1;
    expect((shift?.mean ?? 0) * scale + (bins.means[0] ?? 0)).toBeCloseTo(mean, 6);
    expect((shift?.standardDeviation ?? 0) * scale).toBeCloseTo(deviation, 6);
  });

  test('counts survive their way as floats, and a wrong number of floats is refused', () => {
    const { counts } = counted([
      [1, 2, 3, Number.NaN],
      [5, 5, 5, 6],
    ]);
    expect(DriftCounts.fromFloats(2, counts.toFloats()).cells).toEqual(counts.cells);
    expect(DriftCounts.fromFloats(2, counts.toFloats()).sampled).toBe(4);
    expect(() => DriftCounts.fromFloats(3, counts.toFloats())).toThrow(
      `${floatsOfCounts(2)} floats of drift counts, expected ${floatsOfCounts(3)}`,
    );
  });

  test('counts of other dies add up', () => {
    const first = counted([[1, 2, 3]]).counts;
    const second = counted([[2, 2]], referenceOfColumns([[1, 2, 3]])).counts;
    const sum = new DriftCounts(1);
    sum.add(first);
    sum.add(second);
    expect([...sum.cells]).toEqual([...first.cells].map((count, i) => count + (second.cells[i] ?? 0)));
    expect(sum.sampled).toBe(5);
  });
});

describe('against the reference', () => {
  test('the reference against itself shows no drift, ties and missing values or not', () => {
    fc.assert(
      fc.property(column, (values) => {
        fc.pre(values.some((value) => !Number.isNaN(value)));
        const many = Array.from({ length: 40 }, () => values.map(Math.fround)).flat();
        const { counts, bins } = counted([many]);
        // Deciles between two of a few values leave up to a tenth unsure; tied ones leave nothing.
        expect(drift(counts, bins).ks).toBeLessThanOrEqual(0.1 + 1e-9);
      }),
    );
  });

  test.each([
    ['a constant', () => 7],
    ['two values', (i: number) => i % 2],
    ['mostly one value', (i: number) => (i % 10 < 7 ? 1 : i / 1000)],
  ])('%s has no index while it stays so', (_, valueAt) => {
    const values = Array.from({ length: 1000 }, (_, i) => valueAt(i));
    const { counts, bins } = counted([values]);
    expect(drift(counts, bins).psi.psi).toBeLessThan(0.01);
  });

  test('a constant that changes drifts, upwards and downwards', () => {
    const reference = referenceOfColumns([new Array<number>(1000).fill(7)]);
    for (const moved of [6.9, 7.1, Math.fround(7.0000005)]) {
      const { counts, bins } = counted([new Array<number>(600).fill(moved)], reference);
      const { psi, ks, shift } = drift(counts, bins);
      expect(psi.psi).toBeGreaterThan(1);
      expect(ks).toBeGreaterThanOrEqual(0.9);
      expect(shift?.standardDeviation).toBe(0);
    }
  });

  test('a parameter that is no longer measured drifts, and its missing rate says so', () => {
    const random = createRandom('no longer measured');
    const values = Array.from({ length: 2000 }, () => random.normal());
    const next = values.map(() => random.normal());
    const reference = referenceOfColumns([values, next]);
    const half = values.map((value, i) => (i % 2 === 0 ? Number.NaN : value));
    const { counts, bins } = counted([half, next], reference);
    const { psi, missingRate, ks } = drift(counts, bins);
    expect(psi.psi).toBeGreaterThan(1);
    expect(missingRate).toBe(0.5);
    expect(ks).toBeLessThan(0.06);
    const none = counted([values.map(() => Number.NaN), next], reference).counts;
    expect(drift(none, bins).psi.psi).toBeGreaterThan(5);
  });

  test('the Kolmogorov-Smirnov distance is that of the full samples at the deciles, by brute force', () => {
    const random = createRandom('ks');
    const before = Array.from({ length: 800 }, () => random.normal());
    const after = Array.from({ length: 600 }, () => 0.4 + 1.2 * random.normal());
    const { counts, bins } = counted([after], referenceOfColumns([before]));
    const shareBelow = (values: readonly number[], edge: number) =>
      values.filter((value) => Math.fround(value) <= edge).length / values.length;
    const atEdges = [...bins.parameters.edges].map((edge) =>
      Math.abs(shareBelow(before, edge) - shareBelow(after, edge)),
    );
    const everywhere = [...before, ...after].map((value) =>
      Math.abs(shareBelow(before, Math.fround(value)) - shareBelow(after, Math.fround(value))),
    );
    const { ks } = drift(counts, bins);
    expect(ks).toBeCloseTo(Math.max(...atEdges), 3);
    expect(ks).toBeLessThanOrEqual(Math.max(...everywhere) + 1e-3);
    expect(ks).toBeGreaterThan(Math.max(...everywhere) - 0.1);
    expect(kolmogorovSmirnov([0.5, 0.5], [0.2, 0.8])).toBeCloseTo(0.3, 12);
  });
});

describe('dies that stop at a failing test', () => {
  const random = createRandom('stop on fail');
  const normals = (dies: number) => Array.from({ length: dies }, () => random.normal());
  const reference = referenceOfColumns([normals(2000), normals(2000), normals(2000)]);
  /** Columns of three tests in their order, of which a share of the dies has the first only. */
  const stopping = (share: number) => {
    const columns = [normals(1000), normals(1000), normals(1000)];
    return columns.map((values, p) =>
      values.map((value, die) => (p > 0 && die < share * 1000 ? Number.NaN : value)),
    );
  };
  const rowsOf = (columns: readonly (readonly number[])[], of = reference) => {
    const { counts, bins } = counted(columns, of);
    const comparison = new DriftComparison(bins);
    const dies = comparison.reached(counts);
    return columns.map((_, p) => comparison.parameter(dies, p));
  };

  test('say nothing of the tests after it: these are compared by who reached them', () => {
    for (const row of rowsOf(stopping(0.4))) {
      expect(row.psi.psi).toBeLessThan(0.05);
      expect(row.missingRate).toBe(0);
    }
    expect(rowsOf(stopping(0.4)).map(({ stoppedRate }) => Number(stoppedRate.toFixed(6)))).toEqual([
      0, 0.4, 0.4,
    ]);
  });

  test('are too many where more than half of those that got so far stop: the tests after it are missing', () => {
    const [first, second, third] = rowsOf(stopping(0.6));
    expect(first?.psi.psi).toBeLessThan(0.05);
    for (const row of [second, third]) {
      expect(row?.missingRate).toBeCloseTo(0.6, 9);
      expect(row?.psi.psi).toBeGreaterThan(1);
    }
  });

  test('are expected where the training had as many, whether they count as stopped or as missing', () => {
    for (const share of [0.2, 0.49, 0.51, 0.8])
      for (const row of rowsOf(stopping(share), referenceOfColumns(stopping(share))))
        expect(row.psi.psi, `${share}`).toBeLessThan(0.05);
  });

  test('a test that the training had skipped for most dies and that now is run is told', () => {
    const [, second] = rowsOf(stopping(0), referenceOfColumns(stopping(0.9)));
    expect(second?.psi.psi).toBeGreaterThan(1);
  });
});

describe('what each kind of reference can say', () => {
  const random = createRandom('kinds of reference');
  const sample = (shares: readonly number[], dies: number) =>
    Array.from({ length: dies }, () => {
      let left = random.uniform();
      let value = 0;
      for (; value < shares.length - 1 && left >= (shares[value] ?? 0); value++) left -= shares[value] ?? 0;
      return 0.1234567 * value;
    });

  test.each([
    ['0/1 with 13% ones', [0.87, 0.13]],
    ['0/1 with 1% ones', [0.99, 0.01]],
    ['five equal values', [0.2, 0.2, 0.2, 0.2, 0.2]],
    ['eight equal values', new Array<number>(8).fill(1 / 8)],
    ['a value for a sixth of the dies', [0.4, 0.16, 0.44]],
  ])("%s: the shares are the training's own, in an older reference what they may have been", (_, shares) => {
    const trained = sample(shares, 5000);
    const found = [referenceOfColumns([trained]), olderReferenceOfColumns([trained])].map((reference) => {
      const { counts, bins } = counted([sample(shares, 2000)], reference);
      return drift(counts, bins);
    });
    const [exact, older] = found;
    expect(exact?.psi.psi).toBeLessThan(0.02);
    expect(exact?.ks).toBeLessThan(0.04);
    expect(older?.psi.psi).toBeLessThan(0.1);
  });

  test('an older reference tells a standard deviation still, if less clearly', () => {
    const normals = (dies: number, mean: number) =>
      Array.from({ length: dies }, () => mean + random.normal());
    const trained = normals(5000, 0);
    const after = normals(2000, 1);
    const [exact, older] = [referenceOfColumns([trained]), olderReferenceOfColumns([trained])].map(
      (reference) => {
        const { counts, bins } = counted([after], reference);
        return drift(counts, bins).psi.psi;
      },
    );
    expect(exact).toBeGreaterThan(0.8);
    expect(older).toBeGreaterThan(0.3);
    expect(older).toBeLessThan(exact ?? 0);
  });

  test('an older reference knows passing dies only: of failing ones it expects nothing', () => {
    const passing = new Array<number>(2000).fill(7);
    const withFails = passing.map((value, die) => (die % 10 < 3 ? 1e6 : value));
    const { counts, bins } = counted([withFails], olderReferenceOfColumns([passing]));
    expect(drift(counts, bins).psi.psi).toBeGreaterThan(0.25);
    counts.fails = 600;
    expect(drift(counts, bins).psi.psi).toBeLessThan(0.05);
  });
});

describe('a counter beside a session', () => {
  const reference = referenceOfColumns([
    Array.from({ length: 100 }, (_, i) => i),
    Array.from({ length: 100 }, (_, i) => i / 10),
  ]);
  const bins = referenceBins(reference);
  const spec = {
    parameters: 2,
    edges: bins.parameters.edges,
    means: bins.means,
    scales: bins.scales,
    scoreEdges: bins.score.edges,
    groups: 4,
  };
  const decide = (rows: Float32Array, at: number) => {
    const score = rows[at] ?? Number.NaN;
    if (!Number.isFinite(score)) return undefined;
    return { prediction: score > 1 ? 'fail' : 'pass', confidence: 0.95, anomalyScore: score } as const;
  };

  test('outputs and parameters are counted for each group, and handed over once', () => {
    const counter = new DriftCounter(spec, decide, () => 0.5);
    counter.count(
      {
        dies: 3,
        params: Float32Array.of(1, 1, 50, 5, 99, 9),
        rows: Float32Array.of(0.5, 2, Number.NaN),
        groups: Float32Array.of(groupCode(1, 5), groupCode(1, 63), groupCode(2, 0)),
      },
      0,
    );
    const [one, two, ...none] = counter.take();
    expect(none).toEqual([]);
    expect([one?.group, two?.group]).toEqual([1, 2]);
    expect(one?.counts).toMatchObject({ dies: 2, sampled: 2, fails: 1, unscorable: 0 });
    expect(two?.counts).toMatchObject({ dies: 1, sampled: 1, fails: 0, unscorable: 1 });
    expect(one?.counts.confidence[9]).toBe(2);
    expect([5, 63].map((wafer) => one?.counts.waferDies[wafer])).toEqual([1, 1]);
    expect([5, 63].map((wafer) => one?.counts.waferFails[wafer])).toEqual([0, 1]);
    expect(counter.take()).toEqual([]);
  });

  test('a group that does not exist counts as the last', () => {
    const counter = new DriftCounter(spec, decide, () => 0.5);
    for (const group of [-1, 4, 1e9, Number.NaN]) {
      const die = {
        params: Float32Array.of(1, 1),
        rows: Float32Array.of(1),
        groups: Float32Array.of(groupCode(group, 0)),
      };
      counter.count({ dies: 1, ...die }, 0);
    }
    expect(counter.take().map(({ group, counts }) => [group, counts.dies])).toEqual([[3, 4]]);
  });

  test('under load a sample is counted, and all dies are known by number', () => {
    const random = createRandom('under load');
    const counter = new DriftCounter(spec, decide, random.uniform);
    const dies = 64;
    const run = {
      dies,
      params: new Float32Array(dies * 2),
      rows: new Float32Array(dies),
      groups: new Float32Array(dies),
    };
    // 1,280 dies a second for a hundred seconds.
    for (let batch = 0; batch < 2000; batch++) counter.count(run, batch * 50);
    const [all] = counter.take();
    expect(all?.counts.dies).toBe(128_000);
    expect(all?.counts.sampled).toBeGreaterThan(8000);
    expect(all?.counts.sampled).toBeLessThan(20_000);
  });
});
