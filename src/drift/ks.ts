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
