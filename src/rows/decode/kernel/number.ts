import { COMMA, hasLeadingZero, LOWER_E, MINUS, PLUS, POINT, skipSpace, ZERO } from './bytes';
import { digitsIn, join, LONGEST_RUN, runOfDigits } from './digits';
import { isCertain, MAX_POWER, powerOfTen, signed } from './rounding';

// Any value, one step after the other: exponents, null, numbers of any length, spaces behind them.

/** JavaScript's Number() of the text from `from` up to `to`, as a float32. */
declare function readNumber(from: usize, to: usize): f32;

/** Beyond any number of digits that could bring the exponent back in range; a longer one stays here. */
const HUGE_EXPONENT: u32 = 100_000;
/** The bytes of "null". */
const NULL: u32 = 0x6c6c756e;

/** The first 18 digits of the number that is being read, from the first that is not 0 on. */
let mantissa: i64 = 0;
/** Digits of the last run that had no room. */
let dropped: i32 = 0;

/** Reads the value at `at` to `out`, and answers the position behind its comma; 0 if it is not plainly one. */
export function readValue(at: usize, out: usize, acceptsMissing: bool): usize {
  if (acceptsMissing && load<u32>(at) === NULL) {
    store<f32>(out, f32.NaN);
    at += 4;
  } else {
    at = readDecimal(at, out);
    if (at === 0) return 0;
  }
  at = skipSpace(at);
  return load<u8>(at) === COMMA ? at + 1 : 0;
}

/** Reads a number by JSON's grammar, -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?, that float32 can hold. */
function readDecimal(from: usize, out: usize): usize {
  const negative = u32(load<u8>(from) === MINUS);
  const whole = from + negative;
  mantissa = 0;
  let at = readDigits(whole);
  if (at === whole || hasLeadingZero(whole)) return 0;
  let exponent = dropped;
  if (load<u8>(at) === POINT) {
    const fraction = at + 1;
    at = readDigits(fraction);
    if (at === fraction) return 0;
    exponent += dropped - <i32>(at - fraction);
  }
  if ((load<u8>(at) | 0x20) === LOWER_E) {
    const isNegative = load<u8>(at, 1) === MINUS;
    at += isNegative || load<u8>(at, 1) === PLUS ? 2 : 1;
    let power = digitAt(at++);
    if (power > 9) return 0;
    // Of one or two digits, without a branch.
    const second = digitAt(at);
    const isLonger = second <= 9;
    power = select(power * 10 + second, power, isLonger);
    at += usize(isLonger);
    for (let digit = digitAt(at); digit <= 9; digit = digitAt(++at)) {
      if (power < HUGE_EXPONENT) power = power * 10 + digit;
    }
    exponent += isNegative ? -(<i32>power) : <i32>power;
  }
  const value = magnitudeOf(exponent, whole, at);
  if (!(value <= f32.MAX_VALUE)) return 0;
  store<u32>(out, signed(value, negative));
  return at;
}

/** mantissa * 10^exponent, infinite if float32 cannot hold it; the number stands from `from` up to `to`. */
function magnitudeOf(exponent: i32, from: usize, to: usize): f32 {
  const power = abs(exponent);
  if (power > MAX_POWER) return readNumber(from, to);
  const factor = powerOfTen(power);
  const double = exponent < 0 ? f64(mantissa) / factor : f64(mantissa) * factor;
  return isCertain(double, mantissa, power) ? f32(double) : readNumber(from, to);
}

/** Adds the digits from `at` on to the mantissa and answers the position behind them. */
function readDigits(at: usize): usize {
  let run: i32;
  do {
    const text = v128.load(at);
    run = runOfDigits(text);
    if (run === 0) break;
    const joined = join(mantissa, digitsIn(text, run), run);
    if (joined < 0) break;
    mantissa = joined;
    at += run;
  } while (run === LONGEST_RUN);
  dropped = 0;
  for (let digit = digitAt(at); digit <= 9; digit = digitAt(++at)) {
    const joined = join(mantissa, digit, 1);
    if (joined < 0) dropped++;
    else mantissa = joined;
  }
  return at;
}

/** The digit at `at`; more than 9 if there is none. */
function digitAt(at: usize): u32 {
  return <u32>load<u8>(at) - ZERO;
}
