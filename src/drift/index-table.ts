import { type DriftComparison, expectedShares, type ReachedDies } from './compare.js';
import { CELLS } from './counts.js';
import { chanceIndex } from './psi.js';
import type { ReferenceBins } from './reference-bins.js';

// Logarithms of counts are looked up below it: a window of an hour seldom has more dies in a bin.
const LOGS = 8192;

/**
 * The stability indexes of all parameters at once, against a reference that knows its shares: the same as
 * `DriftComparison.psi` gives for each, to the rounding of a logarithm. The logarithm of a share is that of a count less that
 * of all dies, and the reference's are known beforehand, so that a window of 512 parameters takes none.
 */
export class IndexTable {
  readonly #comparison: DriftComparison;
  readonly #reference: ReferenceBins;
  /** Of 0 it is that of half a die, which an empty bin counts as. */
  readonly #logs = Float64Array.from({ length: LOGS }, (_, count) => Math.log(count === 0 ? 0.5 : count));
  /** float64 [parameters, cells]: shares of the reference's dies that reached the parameter, and their logarithms. */
  readonly #shares: Float64Array;
  readonly #logShares: Float64Array;

  constructor(reference: ReferenceBins, comparison: DriftComparison) {
    this.#reference = reference;
    this.#comparison = comparison;
    this.#shares = expectedShares(reference, comparison.referenceReach);
    const { reached } = comparison.referenceReach;
    this.#logShares = this.#shares.map((share, cell) =>
      Math.log(share > 0 ? share : 0.5 / (reached[Math.floor(cell / CELLS)] ?? 1)),
    );
  }

  /** @returns float64 [parameters] */
  of(dies: ReachedDies): Float64Array {
    const indexes = new Float64Array(dies.counts.parameters);
    // Intervals are compared by what is nearest in them, and where stops mean something else shares are others.
    if (!this.#reference.exact || dies.expected !== this.#comparison.referenceReach)
      return indexes.map((_, p) => this.#comparison.psi(dies, p).psi);
    this.#fill(indexes, dies);
    return indexes;
  }

  /** One loop over arrays at hand: it is run for every equipment and step. */
  #fill(indexes: Float64Array, { counts, reached: reaches, missing, expected }: ReachedDies): void {
    const [cells, shares, logShares, logs] = [counts.cells, this.#shares, this.#logShares, this.#logs];
    const logOf = (count: number) => (count < LOGS ? (logs[count] ?? 0) : Math.log(count));
    for (let p = 0; p < indexes.length; p++) {
      const reached = reaches[p] ?? 0;
      const expectedReached = expected.reached[p] ?? 0;
      if (reached <= 0 || expectedReached <= 0) continue;
      const logReached = logOf(reached);
      let [sum, bins] = [0, 0];
      for (let i = p * CELLS, last = i + CELLS - 1; i <= last; i++) {
        const dies = i < last ? (cells[i] ?? 0) : (missing[p] ?? 0);
        const share = shares[i] ?? 0;
        if (dies <= 0 && share <= 0) continue;
        bins++;
        const actual = (dies > 0 ? dies : 0.5) / reached;
        const other = share > 0 ? share : 0.5 / expectedReached;
        sum += (actual - other) * (logOf(dies) - logReached - (logShares[i] ?? 0));
      }
      indexes[p] = Math.max(0, sum - chanceIndex(bins, expectedReached, reached));
    }
  }
}
