import { CELLS, type DriftCounts } from './counts.js';
import { kolmogorovSmirnov } from './ks.js';
import { NO_DIFFERENCE, type Psi, stabilityIndex } from './psi.js';
import { BINS, type Bins, EDGES, type ReferenceBins } from './reference-bins.js';
import { type Shift, shiftOf } from './shift.js';

/** One parameter of some dies against the reference. */
export interface ParameterDrift {
  readonly psi: Psi;
  readonly ks: number;
  /** undefined for fewer than two measured values. */
  readonly shift: Shift | undefined;
  readonly missingRate: number;
}

/** A distribution of some dies against the reference. */
export interface Difference {
  readonly psi: Psi;
  readonly ks: number;
}

/**
 * Compares counted dies with a reference or with one another. Bins of a parameter are ten and, where
 * a value is missing in either, one for that; the KS distance is over measured values.
 */
export class Comparison {
  readonly #reference: ReferenceBins;
  // Kept for all parameters, so that a table of 512 allocates nothing for each of its distributions.
  readonly #expected = new Float64Array(CELLS);
  readonly #actual = new Float64Array(CELLS);

  constructor(reference: ReferenceBins) {
    this.#reference = reference;
  }

  /** Every index of a parameter against the reference. */
  parameter(counts: DriftCounts, p: number): ParameterDrift {
    const measured = counts.sampled - this.#missing(counts, p);
    const psi = this.psi(counts, p);
    this.#shares(this.#reference.parameters, p, counts.cells, p * CELLS, measured);
    return {
      psi,
      ks: measured > 0 ? kolmogorovSmirnov(this.#expected.subarray(0, BINS), this.#actual) : 0,
      shift: shiftOf(counts.sums[p] ?? 0, counts.squares[p] ?? 0, measured),
      missingRate: counts.sampled > 0 ? 1 - measured / counts.sampled : 0,
    };
  }

  /** Only the stability index of a parameter against the reference. */
  psi(counts: DriftCounts, p: number): Psi {
    if (counts.sampled === 0) return NO_DIFFERENCE;
    const missing = this.#missing(counts, p);
    const expectedMissing = this.#reference.missingRates[p] ?? 0;
    this.#shares(this.#reference.parameters, p, counts.cells, p * CELLS, counts.sampled - missing);
    const share = 1 - missing / counts.sampled;
    for (let i = 0; i < BINS; i++) {
      this.#expected[i] = (this.#expected[i] ?? 0) * (1 - expectedMissing);
      this.#actual[i] = (this.#actual[i] ?? 0) * share;
    }
    this.#expected[BINS] = expectedMissing;
    this.#actual[BINS] = missing / counts.sampled;
    return stabilityIndex(this.#expected, this.#reference.dies, this.#actual, counts.sampled);
  }

  /** Stability index of a parameter between two sets of dies. */
  psiBetween(counts: DriftCounts, others: DriftCounts, p: number): Psi {
    for (let i = 0; i < CELLS; i++) {
      this.#actual[i] = (counts.cells[p * CELLS + i] ?? 0) / Math.max(1, counts.sampled);
      this.#expected[i] = (others.cells[p * CELLS + i] ?? 0) / Math.max(1, others.sampled);
    }
    return stabilityIndex(this.#expected, others.sampled, this.#actual, counts.sampled);
  }

  /** The score's distribution against the reference's, which is that of passing dies. */
  score(counts: DriftCounts): Difference {
    const dies = counts.sampled - counts.unscorable;
    this.#shares(this.#reference.score, 0, counts.score, 0, dies);
    const [expected, actual] = [this.#expected.subarray(0, BINS), this.#actual.subarray(0, BINS)];
    if (dies === 0) return { psi: NO_DIFFERENCE, ks: 0 };
    return {
      psi: stabilityIndex(expected, this.#reference.dies, actual, dies),
      ks: kolmogorovSmirnov(expected, actual),
    };
  }

  #missing(counts: DriftCounts, p: number): number {
    return counts.cells[p * CELLS + BINS] ?? 0;
  }

  /** Fills the actual shares of the bins and the expected ones; the former are zero where nothing was counted. */
  #shares(bins: Bins, quantity: number, cells: ArrayLike<number>, from: number, dies: number): void {
    for (let i = 0; i < BINS; i++) this.#actual[i] = dies > 0 ? (cells[from + i] ?? 0) / dies : 0;
    const edge = quantity * EDGES;
    let below = 0;
    for (let first = 0; first < BINS; ) {
      let last = first;
      while (last < EDGES && bins.least[edge + last] !== bins.greatest[edge + last]) last++;
      const belowLast = last === EDGES ? 1 : (bins.least[edge + last] ?? 1);
      if (first === last) this.#expected[first] = belowLast - below;
      else this.#spread(bins, edge, first, last, below, belowLast);
      below = belowLast;
      first = last + 1;
    }
  }

  /**
   * Where the reference knows its shares as intervals only (see `binsOf`): bins `first` to `last` share out
   * what lies between two edges that it knows, in the actual proportions as far as the intervals allow.
   */
  #spread(bins: Bins, edge: number, first: number, last: number, bottom: number, top: number): void {
    let mass = 0;
    for (let i = first; i <= last; i++) mass += this.#actual[i] ?? 0;
    let passed = 0;
    let below = bottom;
    for (let i = first; i <= last; i++) {
      passed += this.#actual[i] ?? 0;
      const least = bins.least[edge + i] ?? 0;
      const greatest = bins.greatest[edge + i] ?? 1;
      const wanted = mass > 0 ? bottom + ((top - bottom) * passed) / mass : (least + greatest) / 2;
      const upTo = i === last ? top : Math.min(greatest, Math.max(least, wanted));
      this.#expected[i] = upTo - below;
      below = upTo;
    }
  }
}
