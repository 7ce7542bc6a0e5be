import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  isSpace,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  standsAt,
} from './bytes.js';
import { skipNumber } from './scan-die.js';
import { DECLINED } from './scan-values.js';

/** Where a text stops being JSON, and what was expected there. */
export interface JsonFault {
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
  let at = skipSpace(bytes, 0);
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
  const end = skipNumber(bytes, at);
  return end === DECLINED ? { at, expected: 'a value' } : end;
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
