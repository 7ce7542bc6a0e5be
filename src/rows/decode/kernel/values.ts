// The values of a die, from JSON text to float32. This folder is AssemblyScript, compiled to WebAssembly for
// its vector instructions: a scanner in JavaScript reads a byte at a time and has branches that random digits and
// signs decide, which the processor then guesses wrong. Here the usual number has none that depends on it.
//
// Memory is fixed: a text window and a row for as many values as it can hold. build.mjs compiles it.

import { hasLeadingZero, MINUS, SPACE, skipSpace } from './bytes';
import { areDigits, arrange, COMMAS, eightsOf, foursOf, join, POINTS, sixteenOf } from './digits';
import { readValue } from './number';
import { divisorOf, isCertain, powerOfTen, signed } from './rounding';

/** Bytes of text that there is room for: any usual die. */
export const TEXT_BYTES: i32 = 32_768;
/** Behind the text stand commas: the last value ends like the others, and no read gets past them. */
const COMMAS_BEHIND: i32 = 48;

/** Where the text is to be put. */
export const TEXT: usize = memory.data(TEXT_BYTES + COMMAS_BEHIND, 16);
/** Where the values are to be found: float32, as many as {@link scan} answers; each has a comma or the end behind it. */
export const ROW: usize = memory.data(4 * (TEXT_BYTES / 2), 16);

/**
 * Reads JSON numbers with commas between them, and nothing else, from {@link TEXT} to {@link ROW}.
 * @param length bytes of text, at most {@link TEXT_BYTES}
 * @param acceptsMissing whether null is a value, NaN
 * @returns how many values there are, at least 1; 0 if one of them is not plainly a value that float32 holds
 */
export function scan(length: i32, acceptsMissing: bool): i32 {
  const end = TEXT + length;
  const commas = v128.load(COMMAS);
  for (let i = 0; i < COMMAS_BEHIND; i += 16) v128.store(end + i, commas);
  let at = TEXT;
  let out = ROW;
  while (at <= end) {
    if (load<u8>(at) <= SPACE) at = skipSpace(at);
    const near = v128.load(at);
    const ends = i8x16.bitmask(i8x16.eq(near, commas));
    if (ends !== 0) {
      // Up to 15 characters.
      const length = ctz(ends);
      const point = ctz(i8x16.bitmask(i8x16.eq(near, v128.load(POINTS))) | ends);
      const negative = u32(load<u8>(at) === MINUS);
      const start = at + negative;
      const digits = arrange(v128.load(start), point - negative, length - point);
      if (areDigits(digits) && !hasLeadingZero(start)) {
        store<u32>(out, signed(float32Of(digits, length - point), negative));
        at += length + 1;
        out += 4;
        continue;
      }
      at = readValue(at, out, acceptsMissing);
    } else {
      const next = readLong(at, commas, out);
      at = next !== 0 ? next : readValue(at, out, acceptsMissing);
    }
    if (at === 0) return 0;
    out += 4;
  }
  return <i32>((out - ROW) >> 2);
}

/** At most 15 digits, `tail` characters from the point on: they are exact (rounding.ts, case 1). */
function float32Of(digits: v128, tail: i32): f32 {
  const fours = foursOf(digits);
  const eights = f64x2.convert_low_i32x4_s(eightsOf(fours, fours));
  const mantissa = f64x2.extract_lane(eights, 0) * powerOfTen(8) + f64x2.extract_lane(eights, 1);
  return f32(mantissa / divisorOf(tail));
}

/**
 * Reads a number of 17 to 31 characters without its sign, its point among the first 15, as doubles are written
 * in full. The rest behind the first 16 characters is a number of its own, without a point.
 */
function readLong(at: usize, commas: v128, out: usize): usize {
  const negative = u32(load<u8>(at) === MINUS);
  const start = at + negative;
  const text = v128.load(start);
  const rest = v128.load(start, 16);
  const points = i8x16.bitmask(i8x16.eq(text, v128.load(POINTS)));
  const ends = i8x16.bitmask(i8x16.eq(rest, commas));
  if (points === 0 || ends === 0 || hasLeadingZero(start)) return 0;
  const point = ctz(points);
  const length = ctz(ends);
  const first = arrange(text, point, 16 - point);
  const second = arrange(rest, length, 0);
  if (!areDigits(i8x16.max_u(first, second))) return 0;
  const eights = eightsOf(foursOf(first), foursOf(second));
  const high = sixteenOf(i64x2.extract_lane(eights, 0));
  const low = sixteenOf(i64x2.extract_lane(eights, 1));
  const mantissa = join(high, low, length);
  if (mantissa < 0) return 0;
  const decimals = 15 - point + length;
  const double = f64(mantissa) / powerOfTen(decimals);
  if (!isCertain(double, mantissa, decimals)) return 0;
  store<u32>(out, signed(f32(double), negative));
  return start + 16 + length + 1;
}
