// Up to 16 digits at once, each in a byte of a vector, without a branch: a shuffle takes the point out and
// moves the last digit to the last byte; multiplications and additions of neighbours then make numbers of 2,
// 4 and 8 digits (as in Muła and Lemire's "simdized" parsing of integers, by instructions that WebAssembly has).

import { powerOfTen } from './rounding';

// The vectors are loaded, not written as constants: V8 (that of Node 20) makes a constant anew at each use, in
// three instructions where a load is one.
export const COMMAS: usize = memory.data<u32>([0x2c2c2c2c, 0x2c2c2c2c, 0x2c2c2c2c, 0x2c2c2c2c], 16);
export const POINTS: usize = memory.data<u32>([0x2e2e2e2e, 0x2e2e2e2e, 0x2e2e2e2e, 0x2e2e2e2e], 16);
const ZEROS: usize = memory.data<u32>([0x30303030, 0x30303030, 0x30303030, 0x30303030], 16);
/** 0x80 - 10: what makes the highest bit of a byte tell whether it is more than 9. */
const TO_TEN: usize = memory.data<u32>([0x76767676, 0x76767676, 0x76767676, 0x76767676], 16);
/** 1 + 10 * 256 in 16 bits. */
const BY_10: usize = memory.data<u32>([0x0a010a01, 0x0a010a01, 0x0a010a01, 0x0a010a01], 16);
/** 100 and 1 in 16 bits each. */
const BY_100: usize = memory.data<u32>([0x00010064, 0x00010064, 0x00010064, 0x00010064], 16);
/** 10,000 and 1 in 16 bits each. */
const BY_10000: usize = memory.data<u32>([0x00012710, 0x00012710, 0x00012710, 0x00012710], 16);

const LANES: i32 = 16;

/**
 * For each number of characters from the point on (0 without a point; up to 16) and each number of whole
 * digits (0 to 15), 16 bytes: which byte of the text becomes each digit, 0x80 and more for none.
 */
const ARRANGEMENTS: usize = memory.data((16 + 1) * 16 * 16, 16);

for (let tail = 0; tail <= LANES; tail++) {
  for (let whole = 0; whole < LANES; whole++) {
    for (let lane = 0; lane < LANES; lane++) {
      store<u8>(arrangementOf(whole, tail) + lane, sourceOf(LANES - 1 - lane, whole, tail));
    }
  }
}

function arrangementOf(whole: i32, tail: i32): usize {
  return ARRANGEMENTS + ((<usize>tail) << 8) + ((<usize>whole) << 4);
}

/** Where in the text the digit stands that is `fromEnd` digits before the last one; negative if there is none. */
function sourceOf(fromEnd: i32, whole: i32, tail: i32): i32 {
  // No digit before the point, or none behind it: the byte behind the whole digits (the point, or what ends
  // the number), which is no digit, so that the number is found to be none.
  if (whole === 0 || tail === 1) return whole;
  const last = whole + tail - 1;
  const decimals = max(tail - 1, 0);
  return fromEnd < decimals || tail === 0 ? last - fromEnd : last - fromEnd - 1;
}

/**
 * The digits of a number, the last one in byte 15, zeros before the first; {@link areDigits} says whether all
 * of them are digits. No byte behind the number has a part in it.
 * @param text 16 bytes from the first digit on
 * @param whole digits before the point
 * @param tail characters from the point on, itself included; 0 without a point
 */
export function arrange(text: v128, whole: i32, tail: i32): v128 {
  return i8x16.swizzle(v128.xor(text, v128.load(ZEROS)), v128.load(arrangementOf(whole, tail)));
}

/** Whether all 16 bytes are 0 to 9. */
export function areDigits(digits: v128): bool {
  return othersIn(digits) === 0;
}

/** A bit for each byte that is more than 9. */
function othersIn(digits: v128): i32 {
  return i8x16.bitmask(i8x16.add_sat_u(digits, v128.load(TO_TEN)));
}

/** 16 digits as 4 numbers of 4 digits, i32x4. */
export function foursOf(digits: v128): v128 {
  // 16 bits are a + 256 b with a, b the digits; times 2561, without what overflows: a + 256 (10 a + b).
  const twos = i16x8.shr_u(i16x8.mul(digits, v128.load(BY_10)), 8);
  return i32x4.dot_i16x8_s(twos, v128.load(BY_100));
}

/** Two times 4 numbers of 4 digits as two times 2 numbers of 8 digits, i32x4. */
export function eightsOf(first: v128, second: v128): v128 {
  return i32x4.dot_i16x8_s(i16x8.narrow_i32x4_s(first, second), v128.load(BY_10000));
}

/** 16 digits from two numbers of 8, the higher one in the lower half. */
export function sixteenOf(eights: i64): i64 {
  return (eights & 0xffffffff) * 100_000_000 + (eights >>> 32);
}

/** What {@link runOfDigits} counts up to. */
export const LONGEST_RUN: i32 = 15;

/** How many digits the text begins with, up to 15. */
export function runOfDigits(text: v128): i32 {
  return ctz(othersIn(v128.xor(text, v128.load(ZEROS))) | (1 << LONGEST_RUN));
}

/** The number that the first digits of the text are; `count` is 1 to 15. */
export function digitsIn(text: v128, count: i32): i64 {
  const fours = foursOf(arrange(text, count, 0));
  return sixteenOf(i64x2.extract_lane(eightsOf(fours, fours), 0));
}

/** 10^k, k from 0 to 15. */
const POWERS: usize = memory.data<i64>([
  1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000,
  100_000_000_000, 1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000, 1_000_000_000_000_000,
]);

/** The number that the digits of `high` and then `count` of `low`, 0 to 15, are; -1 if it has over 18 digits. */
export function join(high: i64, low: i64, count: i32): i64 {
  // Told by doubles, as an i64 might overflow: rounding keeps what is below 10^18 from going above it.
  if (f64(high) * powerOfTen(count) >= 1e18) return -1;
  return high * load<i64>(POWERS + ((<usize>count) << 3)) + low;
}
