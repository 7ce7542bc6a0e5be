const LOG_SQRT_TWO_PI = 0.9189385332046727;

// Where the series has lost three digits to its difference and the continued fraction is short.
const TAIL_FROM = 3;

// At z = 3 the fraction's remainder is below 1e-16 of its value after about 60 terms.
const FRACTION_TERMS = 80;

/** Density of the standard normal distribution. */
function normalDensity(z: number): number {
  return Math.exp(-0.5 * z * z - LOG_SQRT_TWO_PI);
}

/**
 * P(Z > z) of a standard normal Z, to about 1e-13 of its value wherever a double can hold it: by the power
 * series of Abramowitz and Stegun 26.2.11 near 0 (Marsaglia 2004 shows its accuracy), by the continued
 * fraction 26.2.14 in the tail.
 */
export function normalUpperTail(z: number): number {
  if (z < 0) return 1 - normalUpperTail(-z);
  return z < TAIL_FROM ? 0.5 - seriesFromZero(z) : normalDensity(z) / fractionOf(z);
}

/** P(Z <= z) of a standard normal Z. */
export function normalCdf(z: number): number {
  return normalUpperTail(-z);
}

/**
 * The z that a standard normal exceeds with probability `tail`, for `tail` above 0 and up to 0.5: 1.96 for
 * 0.025. Newton's method from 0: the tail is convex there, so that each step stays short of the root.
 */
export function normalUpperQuantile(tail: number): number {
  let z = 0;
  for (;;) {
    const step = (normalUpperTail(z) - tail) / normalDensity(z);
    z += step;
    if (!(step > 1e-14 * z)) return z;
  }
}

/** P(0 < Z < z): the density times z + z^3/3 + z^5/(3·5) + ... */
function seriesFromZero(z: number): number {
  let term = z;
  let sum = z;
  for (let odd = 3; term > 1e-17 * sum; odd += 2) {
    term *= (z * z) / odd;
    sum += term;
  }
  return sum * normalDensity(z);
}

/** z + 1/(z + 2/(z + 3/(z + ...))) */
function fractionOf(z: number): number {
  let fraction = z;
  for (let term = FRACTION_TERMS; term >= 1; term--) fraction = z + term / fraction;
  return fraction;
}
