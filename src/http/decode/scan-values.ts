import { isDigit, isSpace, standsAt } from './bytes.js';
import { bracketFloat32, exactDouble, fourDigits, isExact } from './float32.js';

// Not imported, and not exported: V8 folds such constants into the machine code, but loads and checks a
// binding that crosses modules at each use, which made this loop a fifth slower.
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const UPPER_E = 0x45;
const CLOSE_BRACKET = 0x5d;
const LOWER_E = 0x65;

/** What a scanner answers instead of a position for anything that is not plainly valid. */
export const DECLINED = -1;

/** A body being scanned, twice over the same memory: byte by byte, and four bytes at a time. */
export interface Source {
  /** The last byte is '}' or ']': no run of digits or spaces goes past it, so none checks for the end. */
  readonly bytes: Buffer;
  readonly words: DataView;
}

/** Where values go, and which. */
export interface Target {
  /** float32 [dies × count] row-major. */
  readonly rows: Float32Array;
  /** Values of one die, exactly. */
  readonly count: number;
  /** Whether null is a value; it is written as NaN. */
  readonly acceptsMissing: boolean;
}

/**
 * Writes exactly `target.count` JSON numbers from just behind their '[' to `target.rows` from index
 * `from` on, each as `Math.fround(JSON.parse(text))` gives it, and answers the position behind their
 * ']'. For anything else, DECLINED, with the row half written: another count, another kind of
 * value, a number that float32 cannot hold, a syntax error.
 *
 * The hot loop of the server, one long function on purpose: its state stays in registers. `digit` is
 * the byte at `at` less '0', which as an unsigned number is at most 9 only for a digit. The
 * mantissa needs no check against overflow: float32.ts says why.
 */
export function scanValues(source: Source, at: number, target: Target, from: number): number {
  const { bytes, words } = source;
  const { rows, count, acceptsMissing } = target;
  const lastWord = bytes.length - 4;
  const last = from + count - 1;
  for (let i = from; i <= last; i++) {
    while (isSpace(bytes[at])) at++;
    // 1 for '-', else 0, without a branch.
    const negative = ((bytes[at] ^ MINUS) - 1) >>> 31;
    at += negative;
    const start = at;
    let mantissa = 0;
    let digit = (bytes[at] - ZERO) | 0;
    while (digit >>> 0 <= 9) {
      mantissa = mantissa * 10 + digit;
      digit = (bytes[++at] - ZERO) | 0;
    }
    if (at > start) {
      // In this order: a first digit is any digit, and to branch on it first would mispredict.
      if (at > start + 1 && bytes[start] === ZERO) return DECLINED;
      let exponent = 0;
      if (digit === POINT - ZERO) {
        const fraction = ++at;
        while (at <= lastWord) {
          const block = fourDigits(words.getInt32(at, true));
          if (block < 0) break;
          mantissa = mantissa * 10000 + block;
          at += 4;
        }
        digit = (bytes[at] - ZERO) | 0;
        while (digit >>> 0 <= 9) {
          mantissa = mantissa * 10 + digit;
          digit = (bytes[++at] - ZERO) | 0;
        }
        if (at === fraction) return DECLINED;
        exponent = fraction - at;
      }
      if (digit === LOWER_E - ZERO || digit === UPPER_E - ZERO) {
        exponent += readExponent(bytes, at + 1);
        at = skipExponent(bytes, at + 1);
        if (at === -1) return DECLINED;
        digit = (bytes[at] - ZERO) | 0;
      }
      if (isExact(mantissa, exponent)) {
        // Stored unseen: to test the quotient here would wait for the division.
        rows[i] = exactDouble(mantissa, exponent, negative);
      } else {
        let value = bracketFloat32(mantissa, exponent, negative, at - start);
        if (Number.isNaN(value)) value = readToken(bytes, start - negative, at);
        if (!Number.isFinite(value)) return DECLINED;
        rows[i] = value;
      }
    } else {
      if (!acceptsMissing || negative === 1 || !standsAt(bytes, at, 'null')) return DECLINED;
      rows[i] = Number.NaN;
      at += 4;
      digit = (bytes[at] - ZERO) | 0;
    }
    if (digit !== COMMA - ZERO) {
      while (isSpace(bytes[at])) at++;
      if (bytes[at] !== (i === last ? CLOSE_BRACKET : COMMA)) return DECLINED;
    } else if (i === last) return DECLINED;
    at++;
  }
  return at;
}

/** Stands for an exponent of over three digits: no number of fraction digits brings it back in range. */
const UNREADABLE_EXPONENT = 1e9;

/** The exponent that stands behind an 'e'. */
function readExponent(bytes: Uint8Array, at: number): number {
  const negative = bytes[at] === MINUS;
  if (negative || bytes[at] === PLUS) at++;
  let exponent = 0;
  for (let digits = 0; isDigit(bytes[at]); at++, digits++) {
    if (digits === 3) return UNREADABLE_EXPONENT;
    exponent = exponent * 10 + (bytes[at] - ZERO);
  }
  return negative ? -exponent : exponent;
}

/** Where the exponent ends that stands behind an 'e', or DECLINED if it has no digit. */
function skipExponent(bytes: Uint8Array, at: number): number {
  if (bytes[at] === MINUS || bytes[at] === PLUS) at++;
  const start = at;
  while (isDigit(bytes[at])) at++;
  return at === start ? DECLINED : at;
}

/** A number's text the slow way: whatever JSON calls a number, Number() reads and rounds as JSON.parse does. */
function readToken(bytes: Buffer, start: number, end: number): number {
  return Math.fround(Number(bytes.toString('latin1', start, end)));
}
