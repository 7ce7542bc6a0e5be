import { countingEdges } from '../../models/manifest/counting-edges.js';
import type { Reference } from '../../models/manifest/reference.js';
import { quantile } from '../../statistics/quantile.js';
import { measuredValues, momentsOf } from '../screen/standardise.js';
import { shortDecimal } from '../short-decimal.js';
import type { DieTable } from '../table/die-table.js';

/** What the distributions of a version are taken from. */
interface ReferenceDies {
  readonly table: DieTable;
  /** Row numbers of the passing dies. */
  readonly passing: readonly number[];
  /** Scores of dies that were not fitted to, passing and failing, and those of the passing ones alone. */
  readonly scores: Float64Array;
  readonly passingScores: Float64Array;
}

/**
 * The distributions that drift is measured against. Edges are deciles of the passing dies, exact in float32; means and
 * standard deviations are theirs, too, with seven significant digits. Shares, missing and stopped rates are of all dies
 * of the table, passing and failing, as the dies that a server counts are. A parameter never measured has zeros
 * and missing rate 1.
 */
export function referenceOf({ table, passing, scores, passingScores }: ReferenceDies): Reference {
  const ends = measuredEnds(table);
  const groups = waferNumbers(table);
  const wafers = table.wafers === undefined ? undefined : new Set(table.wafers).size;
  const scoreEdges = decileEdges(passingScores);
  return {
    dies: passing.length,
    allDies: table.dies,
    ...(wafers !== undefined && { wafers }),
    parameters: table.parameters.map((_, p) => {
      const measured = measuredValues(table, passing, p);
      const { mean, deviation } = momentsOf(measured);
      const edges = decileEdges(measured);
      const bins = binned(table, p, countingEdges(edges), ends);
      const spread = groups === undefined ? undefined : spreadOf(bins, groups);
      return {
        edges,
        shares: bins.shares.map(rounded),
        mean: rounded(mean),
        standardDeviation: rounded(deviation),
        missingRate: rounded(bins.missingRate),
        stoppedRate: rounded(1 - bins.reached / table.dies),
        ...(spread !== undefined && { waferSpread: rounded(spread) }),
      };
    }),
    score: {
      edges: scoreEdges,
      shares: sharesAt(scores, countingEdges(scoreEdges)).map(rounded),
      dies: scores.length,
    },
  };
}

/** Bin of a value that is missing, and of a die that did not reach the parameter. */
const MISSING = 10;
const STOPPED = -1;

interface BinnedDies {
  /** [dies]: 0 to 9, {@link MISSING} or {@link STOPPED}. */
  readonly bins: Int8Array;
  readonly reached: number;
  readonly missingRate: number;
  /** Share of the measured dies at or below each edge. */
  readonly shares: readonly number[];
}

/** The bin of each die of the table, as serving counts it. */
function binned(table: DieTable, p: number, edges: Float32Array, ends: Int32Array): BinnedDies {
  const width = table.parameters.length;
  const inBin = new Float64Array(MISSING + 1);
  let reached = 0;
  const bins = new Int8Array(table.dies);
  for (let die = 0; die < table.dies; die++) {
    const value = table.values[die * width + p] ?? Number.NaN;
    const bin = (ends[die] ?? 0) <= p ? STOPPED : Number.isNaN(value) ? MISSING : edgesBelow(edges, value);
    bins[die] = bin;
    if (bin === STOPPED) continue;
    reached++;
    inBin[bin]++;
  }
  const measured = reached - (inBin[MISSING] ?? 0);
  let below = 0;
  const shares = Array.from(edges, (_, i) => {
    below += inBin[i] ?? 0;
    return measured === 0 ? 1 : below / measured;
  });
  return { bins, reached, missingRate: reached === 0 ? 1 : (inBin[MISSING] ?? 0) / reached, shares };
}

function edgesBelow(edges: Float32Array, value: number): number {
  let below = 0;
  while (below < edges.length && value > (edges[below] ?? 0)) below++;
  return below;
}

/** [dies]: up to which parameter each was measured. */
function measuredEnds({ values, dies, parameters }: DieTable): Int32Array {
  const width = parameters.length;
  return Int32Array.from({ length: dies }, (_, die) => {
    let end = width;
    while (end > 0 && Number.isNaN(values[die * width + end - 1])) end--;
    return end;
  });
}

/** [dies]: the wafer of each die by number, or its lot where there are no wafers; undefined for fewer than two. */
function waferNumbers({ wafers, lots }: DieTable): Int32Array | undefined {
  const names = wafers ?? lots;
  const numbers = new Map([...new Set(names)].map((name, i) => [name, i]));
  if (names === undefined || numbers.size < 2) return undefined;
  return Int32Array.from(names, (name) => numbers.get(name) ?? 0);
}

/**
 * How much of an index the wafers of the reference may be: the sum over the bins of the variance of a share, robust to
 * how wafers differ (a ratio estimate, by K / (K - 1) squared residuals of K wafers), over the share.
 */
function spreadOf({ bins, reached }: BinnedDies, wafers: Int32Array): number {
  const count = wafers.reduce((most, wafer) => Math.max(most, wafer), 0) + 1;
  const cells = new Float64Array(count * (MISSING + 1));
  const dies = new Float64Array(count);
  for (let die = 0; die < bins.length; die++) {
    const [bin = STOPPED, wafer = 0] = [bins[die], wafers[die]];
    if (bin === STOPPED) continue;
    dies[wafer]++;
    cells[wafer * (MISSING + 1) + bin]++;
  }
  let spread = 0;
  for (let bin = 0; bin <= MISSING && reached > 0; bin++) {
    let sum = 0;
    for (let wafer = 0; wafer < count; wafer++) sum += cells[wafer * (MISSING + 1) + bin] ?? 0;
    if (sum === 0) continue;
    const share = sum / reached;
    let squares = 0;
    for (let wafer = 0; wafer < count; wafer++)
      squares += ((cells[wafer * (MISSING + 1) + bin] ?? 0) - share * (dies[wafer] ?? 0)) ** 2;
    spread += ((count / (count - 1)) * squares) / reached ** 2 / share;
  }
  return spread;
}

function sharesAt(values: Float64Array, edges: Float32Array): number[] {
  const floats = Float32Array.from(values);
  return Array.from(edges, (edge) =>
    floats.length === 0 ? 1 : floats.filter((value) => value <= edge).length / floats.length,
  );
}

function decileEdges(values: Float64Array): number[] {
  const ascending = values.toSorted();
  const tenths = Array.from({ length: 9 }, (_, i) => (i + 1) / 10);
  return tenths.map((q) => (ascending.length === 0 ? 0 : shortDecimal(Math.fround(quantile(ascending, q)))));
}

function rounded(value: number): number {
  return Number(value.toPrecision(7));
}
