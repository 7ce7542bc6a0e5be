import { murmur3 } from './murmur3.js';

// Enough for a variance (63 degrees of freedom), few enough to keep for every version.
const BUCKETS = 64;

/** How far the fails of a version depart from independent dies. */
export interface DesignEffect {
  /** Variance of the fail rate over that of as many independent dies, not below 1. */
  readonly value: number;
  /** Degrees of freedom that the value rests on; 0 if there is nothing to tell it from. */
  readonly freedom: number;
}

/**
 * Dies of one wafer are alike: a bad wafer is hundreds of bad dies at once. This keeps dies and fails by
 * sticky key, whole keys hashed into 64 buckets (1 KB, whatever their number), and tells from the spread
 * between the buckets how much less the dies say than independent ones would: the design effect (Kish 1965)
 * of a ratio estimate.
 */
export class FailClusters {
  readonly #dies = new Float64Array(BUCKETS);
  readonly #fails = new Float64Array(BUCKETS);

  /** @param unit the sticky key that decided which version the die got */
  record(unit: string, fails: boolean): void {
    const bucket = murmur3(unit, 0) % BUCKETS;
    this.#dies[bucket]++;
    if (fails) this.#fails[bucket]++;
  }

  merge(other: FailClusters): void {
    for (let i = 0; i < BUCKETS; i++) {
      this.#dies[i] += other.#dies[i] ?? 0;
      this.#fails[i] += other.#fails[i] ?? 0;
    }
  }

  /** The design effect; 1 with no freedom of fewer than two buckets, or where no die fails or all do. */
  designEffect(): DesignEffect {
    const used = this.#dies.reduce((count, dies) => count + (dies > 0 ? 1 : 0), 0);
    const dies = this.#dies.reduce((sum, n) => sum + n, 0);
    const rate = this.#fails.reduce((sum, n) => sum + n, 0) / dies;
    if (used < 2 || rate === 0 || rate === 1) return { value: 1, freedom: 0 };
    let squares = 0;
    for (let i = 0; i < BUCKETS; i++) squares += ((this.#fails[i] ?? 0) - rate * (this.#dies[i] ?? 0)) ** 2;
    const value = ((used / (used - 1)) * squares) / (dies * rate * (1 - rate));
    return { value: Math.max(1, value), freedom: used - 1 };
  }
}

/**
 * By how much to divide the dies of two versions, so that intervals for independent dies hold. The larger
 * effect is taken for both: a version with few wafers cannot show by itself how much wafers differ. That the
 * effect is an estimate widens the interval as Student's t does (Abramowitz and Stegun 26.7.5).
 */
export function jointEffect(one: DesignEffect, other: DesignEffect, z: number): number {
  const freedom = one.freedom + other.freedom;
  if (freedom === 0) return 1;
  const student = 1 + (z * z + 1) / (4 * freedom);
  return Math.max(one.value, other.value) * student * student;
}
