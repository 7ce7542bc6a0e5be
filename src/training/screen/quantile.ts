import { log } from '../portable-math.js';

/** Quantile of the standard normal (Acklam's rational approximation, relative error below 1.2e-9), 0 < p < 1. */
export function normalQuantile(p: number): number {
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p >= 0.02425) {
    const q = p - 0.5;
    const r = q * q;
    const top = polynomial(
      [
        -39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716,
        2.506628277459239,
      ],
      r,
    );
    const bottom = polynomial(
      [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572, 1],
      r,
    );
    return (q * top) / bottom;
  }
  const q = Math.sqrt(-2 * log(p));
  const top = polynomial(
    [
      -0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968,
      2.938163982698783,
    ],
    q,
  );
  const bottom = polynomial(
    [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416, 1],
    q,
  );
  return top / bottom;
}

/**
 * Quantile of a chi-square distribution (Wilson and Hilferty 1931). Degrees of freedom may be
 * fractional, as in Box's approximation of a weighted sum.
 */
export function chiSquareQuantile(p: number, degrees: number): number {
  const variance = 2 / (9 * degrees);
  const root = Math.max(0, 1 - variance + normalQuantile(p) * Math.sqrt(variance));
  return degrees * root * root * root;
}

/** Horner's rule, highest power first. */
function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0);
}
