import { normalUpperQuantile } from '../statistics/normal.js';
import { studentUpperQuantile } from '../statistics/student.js';
import { murmur3 } from './murmur3.js';

// Enough for a variance (63 degrees of freedom), few enough to keep for every version.
const BUCKETS = 64;

// Keys are told apart up to some thousands: 512 bytes.
const DISTINCT_BITS = 4096;

/** How far a share departs from that of independent dies. */
export interface Spread {
  /** Sticky keys (wafers, as a rule), as far as 64 buckets tell them apart. */
  readonly clusters: number;
  /** Variance of the share over that of as many independent dies, not below 1. */
  readonly effect: number;
  /** Degrees of freedom that the effect rests on; 0 if there is nothing to tell it from. */
  readonly freedom: number;
}

/**
 * Dies of one wafer are alike: a bad wafer is hundreds of bad dies at once. This keeps what became of dies by
 * sticky key, whole keys hashed into 64 buckets (2 KB, whatever their number), and tells from the spread
 * between the buckets how much less the dies say than independent ones would: the design effect (Kish 1965)
 * of a ratio estimate.
 */
export class ClusteredDies {
  readonly #dies = new Float64Array(BUCKETS);
  readonly #marked = new Float64Array(BUCKETS);
  readonly #errors = new Float64Array(BUCKETS);
  readonly #seen = new Uint32Array(DISTINCT_BITS / 32);

  /**
   * @param unit the sticky key that decided which version the die got
   * @param marked whether it has what is counted: it fails, or two versions disagree on it
   */
  record(unit: string, marked: boolean): void {
    const bucket = this.#bucketOf(unit);
    this.#dies[bucket]++;
    if (marked) this.#marked[bucket]++;
  }

  /** A die that got no decision. */
  recordError(unit: string): void {
    this.#errors[this.#bucketOf(unit)]++;
  }

  merge(other: ClusteredDies): void {
    for (let i = 0; i < BUCKETS; i++) {
      this.#dies[i] += other.#dies[i] ?? 0;
      this.#marked[i] += other.#marked[i] ?? 0;
      this.#errors[i] += other.#errors[i] ?? 0;
    }
    for (let i = 0; i < this.#seen.length; i++) this.#seen[i] |= other.#seen[i] ?? 0;
  }

  /** About how many sticky keys were seen: linear counting (Whang, Vander-Zanden and Taylor 1990). */
  get units(): number {
    let unset = 0;
    for (const word of this.#seen) unset += 32 - bitsOf(word);
    return Math.round(DISTINCT_BITS * Math.log(DISTINCT_BITS / Math.max(1, unset)));
  }

  /** Of the decided dies: how the share of the marked ones spreads. */
  spread(): Spread {
    return spreadOf(this.#marked, this.#dies);
  }

  /** Of all dies: how the share of those without a decision spreads. */
  errorSpread(): Spread {
    return spreadOf(
      this.#errors,
      this.#dies.map((dies, i) => dies + (this.#errors[i] ?? 0)),
    );
  }

  #bucketOf(unit: string): number {
    const hash = murmur3(unit, 0);
    const bit = (hash >>> 6) % DISTINCT_BITS;
    this.#seen[bit >>> 5] |= 1 << (bit & 31);
    return hash % BUCKETS;
  }
}

/** No freedom where there are fewer than two buckets, or no die is marked, or all are. */
function spreadOf(marked: Float64Array, dies: Float64Array): Spread {
  const clusters = dies.reduce((count, n) => count + (n > 0 ? 1 : 0), 0);
  const total = dies.reduce((sum, n) => sum + n, 0);
  const share = marked.reduce((sum, n) => sum + n, 0) / total;
  if (clusters < 2 || share === 0 || share === 1) return { clusters, effect: 1, freedom: 0 };
  let squares = 0;
  for (let i = 0; i < BUCKETS; i++) squares += ((marked[i] ?? 0) - share * (dies[i] ?? 0)) ** 2;
  const effect = ((clusters / (clusters - 1)) * squares) / (total * share * (1 - share));
  return { clusters, effect: Math.max(1, effect), freedom: clusters - 1 };
}

function bitsOf(word: number): number {
  let rest = word;
  let bits = 0;
  for (; rest !== 0; rest &= rest - 1) bits++;
  return bits;
}

/** Fewest wafers of each version from which the spread between wafers is known at all. */
export const LEAST_CLUSTERS = 2;

/**
 * By how much to divide the dies of versions, so that intervals for independent dies hold at this
 * (two-sided) significance. The largest effect is taken for all: a version with few wafers cannot show by
 * itself how much wafers differ. That the effect is an estimate widens the interval as Student's t does, with
 * the clusters of all less one for each.
 *
 * @returns undefined where a version has one wafer: of the spread between wafers nothing is known then
 */
export function effectOf(spreads: readonly Spread[], significance: number): number | undefined {
  if (spreads.some(({ clusters }) => clusters < LEAST_CLUSTERS)) return undefined;
  const freedom = spreads.reduce((sum, spread) => sum + spread.freedom, 0);
  if (freedom === 0) return 1;
  const widening = wideningOf(significance, freedom);
  return Math.max(...spreads.map(({ effect }) => effect)) * widening * widening;
}

/** Student's quantile over the normal one, both two-sided. */
export function wideningOf(significance: number, freedom: number): number {
  return studentUpperQuantile(significance / 2, freedom) / normalUpperQuantile(significance / 2);
}
