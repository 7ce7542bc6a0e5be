/** How far the mean and the standard deviation of a parameter have moved. */
export interface Shift {
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
