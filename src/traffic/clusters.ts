import { NO_SPREAD, type Spread } from '../statistics/design-effect.js';
import { murmur3 } from './murmur3.js';

// Enough for a variance (63 degrees of freedom), few enough to keep for every version.
const BUCKETS = 64;

// Keys are told apart up to some thousands: 512 bytes.
const DISTINCT_BITS = 4096;

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
    return spreadOf(this.#marked, this.#dies, this.units);
  }

  /** Of all dies: how the share of those without a decision spreads. */
  errorSpread(): Spread {
    return spreadOf(
      this.#errors,
      this.#dies.map((dies, i) => dies + (this.#errors[i] ?? 0)),
      this.units,
    );
  }

  #bucketOf(unit: string): number {
    const hash = murmur3(unit, 0);
    const bit = (hash >>> 6) % DISTINCT_BITS;
    this.#seen[bit >>> 5] |= 1 << (bit & 31);
    return hash % BUCKETS;
  }
}

/** A count for each bucket. */
type BucketCounts = Float64Array | Uint32Array;

/**
 * How the share of the marked dies spreads between buckets. An effect of 1 where there are fewer than two buckets, or no die is marked, or all are.
 * @param units sticky keys, of which a bucket may hold several
 */
export function spreadOf(marked: BucketCounts, dies: BucketCounts, units: number): Spread {
  const count = (holds: (bucket: number) => boolean) => {
    let found = 0;
    for (let i = 0; i < dies.length; i++) if (holds(i)) found++;
    return found;
  };
  const markedIn = (i: number) => marked[i] ?? 0;
  const diesIn = (i: number) => dies[i] ?? 0;
  const clusters = count((i) => diesIn(i) > 0);
  if (clusters === 0) return NO_SPREAD;
  const total = sumOf(dies);
  const share = sumOf(marked) / total;
  const showing = Math.min(
    count((i) => markedIn(i) > 0),
    count((i) => markedIn(i) < diesIn(i)),
  );
  const shown = { clusters, showing, diesACluster: total / Math.max(clusters, units) };
  if (clusters === 1 || share === 0 || share === 1) return { ...shown, effect: 1 };
  let squares = 0;
  for (let i = 0; i < dies.length; i++) squares += (markedIn(i) - share * diesIn(i)) ** 2;
  const effect = ((clusters / (clusters - 1)) * squares) / (total * share * (1 - share));
  return { ...shown, effect: Math.max(1, effect) };
}

function sumOf(counts: BucketCounts): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}

function bitsOf(word: number): number {
  let rest = word;
  let bits = 0;
  for (; rest !== 0; rest &= rest - 1) bits++;
  return bits;
}
