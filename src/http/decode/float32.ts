// From decimal digits to the float32 that Math.fround(JSON.parse(text)) gives, bit for bit, double
// rounding included: text is rounded to the nearest double d, and d to the nearest float32.
//
// The digits of the token, its point taken out, are accumulated as a double m, block by block
// (m = m * 10^k + block, k <= 4), and the value is m * 10^exponent.
//
// 1. Exact (Clinger, "How to read floating point numbers accurately", PLDI 1990; the fast path of
//    Gay's strtod and of Lemire's fast_float). While m < 2^53 every step was exact: the steps never
//    decrease, so no intermediate result was above the last one. 10^k is a double exactly for
//    k <= 22. So m / 10^k is one correctly rounded division of two exact numbers: it is d.
//
// 2. Bracketed. Otherwise m carries rounding errors, but a float32 has 29 bits fewer than a double, so
//    they almost never matter. With u = 2^-53 the relative error of one rounding, and a token of at
//    most 64 characters: at most 64 steps of two roundings each (the relative error of a sum of
//    positive terms is no worse than theirs), one for the power's literal, one for the last
//    operation: the computed a lies within v(1 ± 131u) of the exact value v, to first order. BELOW =
//    1 - 256u and ABOVE = 1 + 256u, with one more rounding each, therefore give
//    a * BELOW <= v <= a * ABOVE (for negative values mirrored). All of these are normal doubles, as
//    1 <= m < 10^64 and |exponent| <= 128 keep them between 1e-129 and 1e193; or all are zero. Both
//    bounds are doubles and rounding is monotone, so a * BELOW <= d <= a * ABOVE, and so after
//    Math.fround. If the two frounds are equal, that is the answer, whether normal, subnormal,
//    zero or infinite. They differ for about one number in a million.
//
// None of the constants below is exported: see scan-values.ts.

const MAX_EXACT_MANTISSA = 2 ** 53;
const MAX_EXACT_POWER = 22;
const MAX_BRACKETED_LENGTH = 64;
const MAX_BRACKETED_POWER = 128;
const BELOW = 1 - 2 ** -45;
const ABOVE = 1 + 2 ** -45;

/**
 * 10^k at [k] and -10^k at [256 + k]: dividing by a signed power applies the sign, and keeps -0, without
 * a branch, which random signs would make mispredict.
 */
const SIGNED_POWERS = new Float64Array(512);
for (let k = 0; k <= MAX_BRACKETED_POWER; k++) {
  // A literal is correctly rounded; Math.pow need not be.
  SIGNED_POWERS[k] = Number(`1e${k}`);
  SIGNED_POWERS[256 + k] = -SIGNED_POWERS[k];
}

/** Whether {@link exactDouble} gives the nearest double (case 1 above); it is finite as a float32, too. */
export function isExact(mantissa: number, exponent: number): boolean {
  return mantissa < MAX_EXACT_MANTISSA && exponent <= 0 && exponent >= -MAX_EXACT_POWER;
}

/** ±mantissa * 10^exponent; `negative` is 1 or 0. */
export function exactDouble(mantissa: number, exponent: number, negative: number): number {
  return mantissa / SIGNED_POWERS[(negative << 8) - exponent];
}

/**
 * The float32 of ±mantissa * 10^exponent, infinite if float32 cannot hold it (case 2 above); NaN if
 * the bracket cannot tell, and the text itself must be read.
 * @param negative 1 for a token that begins with '-', else 0
 * @param length characters of the token, its '-' aside
 */
export function bracketFloat32(mantissa: number, exponent: number, negative: number, length: number): number {
  if (length > MAX_BRACKETED_LENGTH || exponent > MAX_BRACKETED_POWER || exponent < -MAX_BRACKETED_POWER) {
    return Number.NaN;
  }
  const sign = negative << 8;
  const approximate =
    exponent < 0 ? mantissa / SIGNED_POWERS[sign - exponent] : mantissa * SIGNED_POWERS[sign + exponent];
  const float32 = Math.fround(approximate * BELOW);
  return float32 === Math.fround(approximate * ABOVE) ? float32 : Number.NaN;
}

/**
 * The value of four ASCII digits, the first in the lowest byte of `word`, or -1 if one of them is
 * not a digit (the test and the arithmetic by which fast_float reads eight digits at a time, halved:
 * JavaScript has no fast 64-bit integers).
 */
export function fourDigits(word: number): number {
  const digits = (word - 0x30303030) | 0;
  // Bit 7 of a byte is set by one side or the other unless that byte is '0' to '9'. A carry or borrow
  // starts only from a byte that is itself caught.
  if ((((word + 0x46464646) | digits) & 0x80808080) !== 0) return -1;
  const pairs = (Math.imul(digits, 10) + (digits >>> 8)) & 0x00ff00ff;
  return (Math.imul(pairs & 0xff, 100) + (pairs >>> 16)) | 0;
}
