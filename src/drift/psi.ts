/** From here on a distribution has changed enough to look at. Siddiqi, Credit Risk Scorecards (2006), ch. 8. */
export const PSI_CHANGED = 0.1;
/** From here on it has drifted. Same source. */
export const PSI_DRIFTED = 0.25;

/** A population stability index as it is measured and as it is judged. */
export interface Psi {
  /** Without what chance alone is expected to add, never below 0: what is compared with the limits. */
  readonly psi: number;
  /** As the formula gives it. */
  readonly uncorrected: number;
}

/** No difference, or nothing to compare. */
export const NO_DIFFERENCE: Psi = { psi: 0, uncorrected: 0 };

/**
 * Population stability index of two distributions over the same bins: the sum of (a - e) · ln(a / e),
 * which is Jeffreys' divergence. For normal distributions that differ by d standard deviations in the
 * mean only it is d², a little less over deciles.
 *
 * An empty bin would make it infinite. It counts as half a die: as a share of 1 / 2n, below what n
 * dies can show. A bin that is empty on both sides adds nothing.
 * @param expected shares of the reference, summing to 1
 * @param expectedDies dies behind the reference
 * @param actual shares now, summing to 1
 * @param actualDies dies behind them
 */
export function stabilityIndex(
  expected: ArrayLike<number>,
  expectedDies: number,
  actual: ArrayLike<number>,
  actualDies: number,
): Psi {
  if (expectedDies <= 0 || actualDies <= 0) return NO_DIFFERENCE;
  let uncorrected = 0;
  let bins = 0;
  for (let i = 0; i < expected.length; i++) {
    const e = expected[i] ?? 0;
    const a = actual[i] ?? 0;
    if (e <= 0 && a <= 0) continue;
    bins++;
    const [e0, a0] = [e > 0 ? e : 0.5 / expectedDies, a > 0 ? a : 0.5 / actualDies];
    uncorrected += (a0 - e0) * Math.log(a0 / e0);
  }
  return {
    psi: Math.max(0, uncorrected - chanceIndex(bins, expectedDies, actualDies)),
    uncorrected,
  };
}

/**
 * The index that two samples of one distribution have by chance alone, on average:
 * (B - 1)(1/n + 1/m) for B bins and samples of n and m, as PSI / (1/n + 1/m) is about chi-square with
 * B - 1 degrees of freedom (B. Yurdakul, Statistical Properties of Population Stability Index, Western
 * Michigan University 2018). For ten bins and 500 dies it is 0.018.
 */
export function chanceIndex(bins: number, dies: number, otherDies: number): number {
  return Math.max(0, bins - 1) * (1 / dies + 1 / otherDies);
}
