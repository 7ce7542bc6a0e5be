import { CELLS, type DriftCounts } from './counts.js';
import { NO_DIFFERENCE, type Psi, stabilityIndex } from './psi.js';
import { lostAt, lostInEither, type Reach, reachOf } from './reach.js';
import { BINS, type Bins, EDGES, type ReferenceBins } from './reference-bins.js';

/** One parameter of some dies against the reference. */
export interface ParameterDrift {
  readonly psi: Psi;
  readonly ks: number;
  /** undefined for fewer than two measured values. */
  readonly shift: Shift | undefined;
  /** Of the dies that reached the parameter, and of all dies. */
  readonly missingRate: number;
  readonly stoppedRate: number;
}

/** The score of some dies against the reference. */
export interface ScoreDrift {
  readonly psi: Psi;
  readonly ks: number;
}

/** Counted dies, and how far they were measured. */
export interface ReachedDies extends Reach {
  readonly counts: DriftCounts;
  /** See {@link lostAt}. */
  readonly lost: Uint8Array | undefined;
  /** How far the reference's dies were measured, with the same lost. */
  readonly expected: Reach;
}

/**
 * Compares counted dies with a reference or with one another. Of a parameter only the dies count that reached it: a
 * die that stops at its first failing test says nothing of the tests after it. Bins of a parameter are ten and, where
 * a value is missing in either, one for that; the KS distance is over measured values.
 */
export class DriftComparison {
  readonly #reference: ReferenceBins;
  readonly #referenceLost: Uint8Array | undefined;
  /** How far the reference's dies were measured. */
  readonly referenceReach: Reach;
  // Kept for all parameters, so that a table of 512 allocates nothing for each of its distributions.
  readonly #expected = new Float64Array(CELLS);
  readonly #actual = new Float64Array(CELLS);

  constructor(reference: ReferenceBins) {
    this.#reference = reference;
    this.#referenceLost = lostAt(reference.stops, reference.dies);
    this.referenceReach = this.#reachOfReference(this.#referenceLost);
  }

  /** Counted dies with how far they were measured; what is lost in the reference is in them, too. */
  reached(counts: DriftCounts): ReachedDies {
    const lost = lostInEither(this.#referenceLost, lostAt(counts.stops, counts.sampled));
    const expected = lost === this.#referenceLost ? this.referenceReach : this.#reachOfReference(lost);
    return { counts, lost, expected, ...reachWith(counts, lost) };
  }

  /** Every index of a parameter against the reference. */
  parameter(dies: ReachedDies, p: number): ParameterDrift {
    const { counts } = dies;
    const reached = dies.reached[p] ?? 0;
    const measured = reached - (dies.missing[p] ?? 0);
    const psi = this.psi(dies, p);
    this.#shares(this.#reference.parameters, p, counts.cells, p * CELLS, measured, failShare(counts));
    return {
      psi,
      ks: measured > 0 ? kolmogorovSmirnov(this.#expected.subarray(0, BINS), this.#actual) : 0,
      shift: shiftOf(counts.sums[p] ?? 0, counts.squares[p] ?? 0, measured),
      missingRate: reached > 0 ? 1 - measured / reached : 0,
      stoppedRate: counts.sampled > 0 ? 1 - reached / counts.sampled : 0,
    };
  }

  /** Only the stability index of a parameter against the reference. */
  psi(dies: ReachedDies, p: number): Psi {
    const reached = dies.reached[p] ?? 0;
    const expectedReached = dies.expected.reached[p] ?? 0;
    if (reached === 0 || expectedReached === 0) return NO_DIFFERENCE;
    const missing = (dies.missing[p] ?? 0) / reached;
    const expectedMissing = (dies.expected.missing[p] ?? 0) / expectedReached;
    const measured = reached - (dies.missing[p] ?? 0);
    this.#shares(
      this.#reference.parameters,
      p,
      dies.counts.cells,
      p * CELLS,
      measured,
      failShare(dies.counts),
    );
    for (let i = 0; i < BINS; i++) {
      this.#expected[i] = (this.#expected[i] ?? 0) * (1 - expectedMissing);
      this.#actual[i] = (this.#actual[i] ?? 0) * (1 - missing);
    }
    this.#expected[BINS] = expectedMissing;
    this.#actual[BINS] = missing;
    return stabilityIndex(this.#expected, expectedReached, this.#actual, reached);
  }

  /** Stability index of a parameter between two sets of dies. */
  psiBetween(dies: ReachedDies, others: ReachedDies, p: number): Psi {
    const lost = lostInEither(dies.lost, others.lost);
    const each = dies.lost === lost ? dies : reachWith(dies.counts, lost);
    const other = others.lost === lost ? others : reachWith(others.counts, lost);
    const [reached, otherReached] = [each.reached[p] ?? 0, other.reached[p] ?? 0];
    if (reached <= 0 || otherReached <= 0) return NO_DIFFERENCE;
    for (let i = 0; i < BINS; i++) {
      this.#actual[i] = (dies.counts.cells[p * CELLS + i] ?? 0) / reached;
      this.#expected[i] = (others.counts.cells[p * CELLS + i] ?? 0) / otherReached;
    }
    this.#actual[BINS] = (each.missing[p] ?? 0) / reached;
    this.#expected[BINS] = (other.missing[p] ?? 0) / otherReached;
    return stabilityIndex(this.#expected, otherReached, this.#actual, reached);
  }

  /** The score's distribution against the reference's. */
  score(counts: DriftCounts): ScoreDrift {
    const dies = counts.sampled - counts.unscorable;
    const { score, scoreDies } = this.#reference;
    if (dies === 0 || scoreDies === 0) return { psi: NO_DIFFERENCE, ks: 0 };
    this.#shares(score, 0, counts.score, 0, dies, failShare(counts));
    const [expected, actual] = [this.#expected.subarray(0, BINS), this.#actual.subarray(0, BINS)];
    return {
      psi: stabilityIndex(expected, scoreDies, actual, dies),
      ks: kolmogorovSmirnov(expected, actual),
    };
  }

  #reachOfReference(lost: Uint8Array | undefined): Reach {
    const { stops, dies, missingRates } = this.#reference;
    let left = dies;
    // Who lacks the value but has a later one: a share of those that were measured so far.
    const missingAt = (p: number) => {
      left -= stops[p] ?? 0;
      return (missingRates[p] ?? 0) * left;
    };
    return reachOf(stops, dies, missingAt, lost);
  }

  /**
   * Fills the actual shares of the bins and the expected ones; the former are zero where nothing was counted.
   * @param fails share of the dies that fail: an older reference, of passing dies, says nothing of these
   */
  #shares(
    bins: Bins,
    quantity: number,
    cells: ArrayLike<number>,
    from: number,
    dies: number,
    fails: number,
  ): void {
    for (let i = 0; i < BINS; i++) this.#actual[i] = dies > 0 ? (cells[from + i] ?? 0) / dies : 0;
    const edge = quantity * EDGES;
    if (this.#reference.exact) {
      let below = 0;
      for (let i = 0; i < BINS; i++) {
        const upTo = i === EDGES ? 1 : (bins.least[edge + i] ?? 1);
        this.#expected[i] = upTo - below;
        below = upTo;
      }
    } else this.#nearest(bins, edge, fails);
  }

  /**
   * Where the reference knows its shares as intervals only: shares within these that are like the actual ones. From
   * edge to edge what is left is shared out in the actual proportions as far as the intervals allow, so that
   * only what is outside of all of them counts.
   */
  #nearest(bins: Bins, edge: number, fails: number): void {
    let [passed, below] = [0, 0];
    for (let i = 0; i < BINS; i++) {
      const actual = this.#actual[i] ?? 0;
      const left = 1 - passed;
      const wanted = below + (left > 0 ? ((1 - below) * actual) / left : 0);
      const least = (1 - fails) * (bins.least[edge + i] ?? 1);
      const greatest = (1 - fails) * (bins.greatest[edge + i] ?? 1) + fails;
      const upTo = i === EDGES ? 1 : Math.max(below, Math.min(greatest, Math.max(least, wanted)));
      this.#expected[i] = upTo - below;
      passed += actual;
      below = upTo;
    }
  }
}

/**
 * The shares of a reference that knows them, of the dies that reached a parameter: those of its bins and, last, of a missing value.
 * @returns float64 [parameters, cells]
 */
export function expectedShares({ parameters }: ReferenceBins, { reached, missing }: Reach): Float64Array {
  const shares = new Float64Array(reached.length * CELLS);
  for (let p = 0; p < reached.length; p++) {
    const all = reached[p] ?? 0;
    const missingShare = all > 0 ? (missing[p] ?? 0) / all : 0;
    let below = 0;
    for (let i = 0; i < BINS; i++) {
      const upTo = i === EDGES ? 1 : (parameters.least[p * EDGES + i] ?? 1);
      shares[p * CELLS + i] = (upTo - below) * (1 - missingShare);
      below = upTo;
    }
    shares[p * CELLS + BINS] = missingShare;
  }
  return shares;
}

function reachWith(counts: DriftCounts, lost: Uint8Array | undefined): Reach {
  const missingAt = (p: number) => counts.cells[p * CELLS + BINS] ?? 0;
  return reachOf(counts.stops, counts.sampled, missingAt, lost);
}

function failShare({ fails, sampled, unscorable }: DriftCounts): number {
  return sampled > unscorable ? fails / (sampled - unscorable) : 0;
}

/**
 * Kolmogorov-Smirnov distance of two distributions that are known at the same edges only: the largest
 * difference of their shares at or below an edge. It is at most the distance of the full distributions,
 * and for deciles at most a tenth below it (A. N. Pettitt and M. A. Stephens, The Kolmogorov-Smirnov
 * goodness-of-fit statistic with discrete and grouped data, Technometrics 19 (1977) 205-210).
 * @param expected shares of the bins, summing to 1
 * @param actual shares of the same bins, summing to 1
 */
export function kolmogorovSmirnov(expected: ArrayLike<number>, actual: ArrayLike<number>): number {
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i] ?? 0) - (expected[i] ?? 0);
    largest = Math.max(largest, Math.abs(difference));
  }
  return largest;
}

/** How far the mean and the standard deviation of a parameter have moved. */
interface Shift {
  /** Mean minus the reference's, in the reference's standard deviations. */
  readonly mean: number;
  /** Standard deviation over the reference's. */
  readonly standardDeviation: number;
}

/**
 * Shift from the sums of z and z² over `values` values, where z is a value in standard deviations from
 * the reference's mean: summing deviations loses no digits, as summing values far from zero would.
 * The deviation is that of the sample (n - 1).
 * @returns undefined for fewer than two values
 */
export function shiftOf(sum: number, squares: number, values: number): Shift | undefined {
  if (values < 2) return undefined;
  const mean = sum / values;
  const variance = Math.max(0, (squares - sum * mean) / (values - 1));
  return { mean, standardDeviation: Math.sqrt(variance) };
}
