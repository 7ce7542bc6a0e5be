/**
 * Natural logarithm and exponential from IEEE 754 additions, multiplications and divisions only.
 *
 * `Math.log` and `Math.exp` may differ in the last bit between V8 versions and processors (ECMA-262
 * leaves them implementation-approximated). A simulated lot and a trained model must be the same
 * bytes everywhere, so training uses these. Within 2 units in the last place of the true value.
 */

// ln 2 split so that `exponent * LN2_HIGH` is exact (the low 32 bits of LN2_HIGH are zero).
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
// Written out: the power operator is implementation-approximated too.
const SMALLEST_NORMAL = 2.2250738585072014e-308;
const TWO_POW_54 = 18_014_398_509_481_984;

const scratch = new DataView(new ArrayBuffer(8));

/** Natural logarithm. NaN below 0, -Infinity at 0. */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  const subnormal = x < SMALLEST_NORMAL;
  scratch.setFloat64(0, subnormal ? x * TWO_POW_54 : x);
  const high = scratch.getUint32(0);
  let exponent = (high >>> 20) - 1023 - (subnormal ? 54 : 0);
  scratch.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  let mantissa = scratch.getFloat64(0);
  if (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent += 1;
  }
  // ln m = 2 artanh s, s = (m - 1)/(m + 1), |s| <= 0.172: eleven terms reach 1e-18.
  const s = (mantissa - 1) / (mantissa + 1);
  const s2 = s * s;
  let series = 0;
  for (let odd = 23; odd >= 3; odd -= 2) series = s2 * (1 / odd + series);
  return exponent * LN2_HIGH + (2 * s + (2 * s * series + exponent * LN2_LOW));
}

/** e to the power x. 0 below the smallest double, Infinity above the largest. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.78) return Number.POSITIVE_INFINITY;
  if (x < -745.13) return 0;
  const power = Math.round(x / Math.LN2);
  const rest = x - power * LN2_HIGH - power * LN2_LOW;
  let series = 1;
  for (let n = 14; n >= 1; n--) series = 1 + (series * rest) / n;
  // Two factors: 2 ** power alone leaves the normal range at both ends.
  const half = Math.trunc(power / 2);
  return series * powerOfTwo(half) * powerOfTwo(power - half);
}

function powerOfTwo(n: number): number {
  scratch.setUint32(0, (n + 1023) << 20);
  scratch.setUint32(4, 0);
  return scratch.getFloat64(0);
}
