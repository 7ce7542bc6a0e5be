import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  isDigit,
  isSpace,
  LOWER_E,
  MINUS,
  OPEN_BRACE,
  OPEN_BRACKET,
  PLUS,
  POINT,
  QUOTE,
  standsAt,
  textStart,
  UPPER_E,
  ZERO,
} from './bytes.js';

/** Where a text stops being JSON, and what was expected there. */
interface JsonFault {
  /** Offset in bytes from 0; the body's length where the body is cut off. */
  readonly at: number;
  readonly expected: string;
}

/**
 * The first byte at which a body is no longer JSON, or undefined if it is JSON. Used only when
 * JSON.parse has refused: its own words differ between Node versions, often give no position and
 * quote the input. One pass, with a stack on the heap: nesting a million deep is no matter.
 */
export function findJsonFault(bytes: Uint8Array): JsonFault | undefined {
  const closers: number[] = [];
  let at = skipSpace(bytes, textStart(bytes));
  for (;;) {
    const opened = bytes[at];
    if (opened === OPEN_BRACE || opened === OPEN_BRACKET) {
      closers.push(opened === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET);
      at = skipSpace(bytes, at + 1);
      if (bytes[at] !== closers.at(-1)) {
        if (opened === OPEN_BRACKET) continue;
        const key = scanKey(bytes, at);
        if (typeof key !== 'number') return key;
        at = key;
        continue;
      }
    } else {
      const value = scanScalar(bytes, at);
      if (typeof value !== 'number') return value;
      at = value;
    }
    // A value has ended here, or an empty object or array is about to.
    at = skipSpace(bytes, at);
    while (closers.length > 0 && bytes[at] === closers.at(-1)) {
      closers.pop();
      at = skipSpace(bytes, at + 1);
    }
    const closer = closers.at(-1);
    if (closer === undefined)
      return at === bytes.length ? undefined : { at, expected: 'the end of the body' };
    if (bytes[at] !== COMMA) return { at, expected: `',' or '${String.fromCharCode(closer)}'` };
    at = skipSpace(bytes, at + 1);
    if (closer === CLOSE_BRACE) {
      const key = scanKey(bytes, at);
      if (typeof key !== 'number') return key;
      at = key;
    }
  }
}

/** From a key's quote to its value. */
function scanKey(bytes: Uint8Array, at: number): number | JsonFault {
  if (bytes[at] !== QUOTE) return { at, expected: 'a key in double quotes' };
  const end = scanAnyString(bytes, at);
  if (typeof end !== 'number') return end;
  const colon = skipSpace(bytes, end);
  return bytes[colon] === COLON ? skipSpace(bytes, colon + 1) : { at: colon, expected: "':'" };
}

function scanScalar(bytes: Uint8Array, at: number): number | JsonFault {
  if (bytes[at] === QUOTE) return scanAnyString(bytes, at);
  for (const word of ['true', 'false', 'null']) {
    if (standsAt(bytes, at, word)) return at + word.length;
  }
  return isDigit(bytes[at]) || bytes[at] === MINUS ? scanNumber(bytes, at) : { at, expected: 'a value' };
}

/** Behind a number: -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? */
function scanNumber(bytes: Uint8Array, at: number): number | JsonFault {
  const whole = bytes[at] === MINUS ? at + 1 : at;
  let end = skipDigits(bytes, whole);
  if (end === whole) return { at: end, expected: 'a digit' };
  if (bytes[whole] === ZERO && end > whole + 1)
    return { at: whole + 1, expected: 'no digit behind a leading 0' };
  if (bytes[end] === POINT) {
    const fraction = end + 1;
    end = skipDigits(bytes, fraction);
    if (end === fraction) return { at: end, expected: 'a digit' };
  }
  if (bytes[end] === LOWER_E || bytes[end] === UPPER_E) {
    const exponent = bytes[end + 1] === PLUS || bytes[end + 1] === MINUS ? end + 2 : end + 1;
    end = skipDigits(bytes, exponent);
    if (end === exponent) return { at: end, expected: 'a digit' };
  }
  return end;
}

function skipDigits(bytes: Uint8Array, at: number): number {
  while (isDigit(bytes[at])) at++;
  return at;
}

/** Behind the closing quote of a string, escapes included. */
function scanAnyString(bytes: Uint8Array, at: number): number | JsonFault {
  for (let i = at + 1; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) return i + 1;
    if (byte < 0x20) return { at: i, expected: 'an escape instead of a control character' };
    if (byte !== BACKSLASH) continue;
    i++;
    if (i === bytes.length) break;
    const escaped = String.fromCharCode(bytes[i]);
    if (escaped === 'u') {
      for (const last = i + 4; i < last; i++) {
        if (!isHexDigit(bytes[i + 1])) return { at: i + 1, expected: 'four hexadecimal digits' };
      }
    } else if (!'"\\/bfnrt'.includes(escaped)) {
      return { at: i, expected: 'an escape that JSON has' };
    }
  }
  return { at: bytes.length, expected: "'\"'" };
}

function isHexDigit(byte: number | undefined): boolean {
  return byte !== undefined && /^[0-9a-f]$/i.test(String.fromCharCode(byte));
}

/** From here to the next byte that is no white space. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  while (at < bytes.length && isSpace(bytes[at])) at++;
  return at;
}
