// From decimal digits to the float32 that Math.fround(JSON.parse(text)) gives, bit for bit, double
// rounding included: text is rounded to the nearest double d, and d to the nearest float32.
//
// The digits of a token, its point taken out, are an integer m, and its value is v = m * 10^exponent. The
// sign is put on at the end: rounding is symmetric.
//
// 1. Exact (Clinger, "How to read floating point numbers accurately", PLDI 1990; the fast path of
//    Gay's strtod and of Lemire's fast_float). If m <= 2^53, it is a double; 10^k is one for k <= 22. So
//    m / 10^k or m * 10^k is one correctly rounded operation on two exact numbers: it is d.
//
// 2. Bracketed. Otherwise the operation's result a carries errors, but a float32 has 29 bits fewer than a
//    double, so they almost never matter. With u = 2^-53 the relative error of one rounding: m is exact, or
//    the first 17 or 18 digits of a longer token (from the first that is not 0 on), which is less than v by
//    under 0.1u; then one rounding each for m as a double, for the power's literal and for the operation. So
//    a lies within v(1 ± 3.2u). BELOW = 1 - 8u and ABOVE = 1 + 8u, with one more rounding each, therefore give
//    a * BELOW <= v <= a * ABOVE. All of these are normal doubles, as 1 <= m < 10^18 and |exponent| <= 64 keep
//    them between 1e-64 and 1e82; or all are zero. Both bounds are doubles and rounding is monotone, so
//    a * BELOW <= d <= a * ABOVE, and so after rounding to float32. If the two float32 are equal, that of a,
//    between them, is the answer, whether normal, subnormal, zero or infinite. They differ for about one
//    number in ten million; JavaScript reads that one's text.

const MAX_EXACT_MANTISSA: i64 = 1 << 53;
const MAX_EXACT_POWER: i32 = 22;
const TWO_TO_50: f64 = 1125899906842624;
const BELOW: f64 = 1 - 1 / TWO_TO_50;
const ABOVE: f64 = 1 + 1 / TWO_TO_50;

/** The largest power that {@link powerOfTen} knows. */
export const MAX_POWER: i32 = 64;

// Literals are correctly rounded. The first is for numbers without a point.
const POWERS: usize = memory.data<f64>([
  1, 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
  1e19, 1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31, 1e32, 1e33, 1e34, 1e35, 1e36,
  1e37, 1e38, 1e39, 1e40, 1e41, 1e42, 1e43, 1e44, 1e45, 1e46, 1e47, 1e48, 1e49, 1e50, 1e51, 1e52, 1e53, 1e54,
  1e55, 1e56, 1e57, 1e58, 1e59, 1e60, 1e61, 1e62, 1e63, 1e64,
]);

/** 10^power, the nearest double; `power` is 0 to {@link MAX_POWER}. */
export function powerOfTen(power: i32): f64 {
  return load<f64>(POWERS + ((<usize>power) << 3), 8);
}

/** What to divide by where so many characters stand from the point on, itself included; 1 if there is none. */
export function divisorOf(characters: i32): f64 {
  return load<f64>(POWERS + ((<usize>characters) << 3));
}

/** Whether f32(approximate) is right, which is mantissa * 10^±power by one operation (cases 1 and 2 above). */
export function isCertain(approximate: f64, mantissa: i64, power: i32): bool {
  // In this order: which of two lengths a mantissa has is anybody's guess, and a branch would guess it.
  return (
    f32(approximate * BELOW) === f32(approximate * ABOVE) ||
    (mantissa <= MAX_EXACT_MANTISSA && power <= MAX_EXACT_POWER)
  );
}

/** The bits of the float32 with that sign; `negative` is 1 or 0. Random signs cost no branch that way. */
export function signed(value: f32, negative: u32): u32 {
  return reinterpret<u32>(value) | (negative << 31);
}
