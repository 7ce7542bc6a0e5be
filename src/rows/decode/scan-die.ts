import type { Die, DieLabel, DieLabelField, NamedModel } from '../../die/die.js';
import {
  BACKSLASH,
  CLOSE_BRACE,
  COLON,
  COMMA,
  isDigit,
  isSpace,
  LOWER_E,
  LOWER_F,
  LOWER_N,
  LOWER_T,
  MINUS,
  OPEN_BRACE,
  OPEN_BRACKET,
  PLUS,
  POINT,
  QUOTE,
  standsAt,
  UPPER_E,
  ZERO,
} from './bytes.js';
import { DECLINED, type ScannedRows, scanValues } from './scan-values.js';

/** The keys of a die, all of them (a test compares them with the schema's); 1 << index marks a key as seen. */
export const KEYS = [
  'die_id',
  'test_params',
  'lot_id',
  'wafer_id',
  'x',
  'y',
  'equipment_id',
  'stdf_file',
  'insertion',
  'touchdown',
  'model_name',
  'model_version',
] as const satisfies readonly (keyof Die)[];

type Key = (typeof KEYS)[number];

/** DIE_ID and TEST_PARAMS, the first two of {@link KEYS}: what a die must have. */
const REQUIRED = 0b11;

/** Ids up to this many bytes are plainly valid: in ASCII a byte is a character. */
const MAX_PLAIN_ID_BYTES = 128;

/** A coordinate of up to this many digits is surely within the STDF bounds. */
const MAX_PLAIN_COORDINATE_DIGITS = 4;

/** And a touchdown of as many as it may have. */
const MAX_TOUCHDOWN_DIGITS = 9;

/** With more of them than a die may have values beside its parameters, the plain path says so. */
const MAX_UNKNOWN_KEYS = 400;

/**
 * Scans dies that are plainly valid: an object of known keys in any order, each once, with ids of
 * plain ASCII without escapes, small whole coordinates, and exactly the target's count of values;
 * unknown keys are skipped if their value is no array and no object. Every scan answers the position
 * behind what it has read, or DECLINED, which says nothing about the die's validity: the plain
 * path decides that.
 */
export class DieScanner {
  /** The label of the die that `scanDie` has read last; a new object for each die, all of one shape. */
  label: DieLabel = emptyLabel();

  /** Who is to answer the die that was read last, as it says itself. */
  #modelName: string | undefined;
  #modelVersion: string | undefined;
  readonly #bytes: Buffer;
  readonly #target: ScannedRows;

  /** @param bytes whose last byte is '}' or ']': no run of digits goes past it, so none checks for the end */
  constructor(bytes: Buffer, target: ScannedRows) {
    this.#bytes = bytes;
    this.#target = target;
  }

  /** Reads the die whose '{' stands at `at`; its values go to the target from `from` on. */
  scanDie(at: number, from: number): number {
    const bytes = this.#bytes;
    if (bytes[at] !== OPEN_BRACE) return DECLINED;
    this.label = emptyLabel();
    this.#modelName = undefined;
    this.#modelVersion = undefined;
    let seen = 0;
    let unknown = 0;
    do {
      const keyStart = this.skipSpace(at + 1) + 1;
      const keyEnd = scanString(bytes, keyStart - 1);
      if (keyEnd === DECLINED) return DECLINED;
      at = this.skipSpace(keyEnd + 1);
      if (bytes[at] !== COLON) return DECLINED;
      at = this.skipSpace(at + 1);
      const index = keyAt(bytes, keyStart, keyEnd);
      if (index === -1) {
        if (++unknown > MAX_UNKNOWN_KEYS) return DECLINED;
        at = skipScalar(bytes, at);
      } else {
        const bit = 1 << index;
        // A key given twice: its last value counts, which JSON.parse knows best.
        if ((seen & bit) !== 0) return DECLINED;
        seen |= bit;
        at = this.#scanField(KEYS[index], at, from);
      }
      if (at === DECLINED) return DECLINED;
      at = this.skipSpace(at);
    } while (bytes[at] === COMMA);
    if (bytes[at] !== CLOSE_BRACE || (seen & REQUIRED) !== REQUIRED) return DECLINED;
    return at + 1;
  }

  /** Who is to answer the die that `scanDie` has read last, where it says so itself. */
  get named(): NamedModel | undefined {
    if (this.#modelName === undefined && this.#modelVersion === undefined) return undefined;
    return { model: this.#modelName, version: this.#modelVersion };
  }

  skipSpace(at: number): number {
    const bytes = this.#bytes;
    while (at < bytes.length && isSpace(bytes[at])) at++;
    return at;
  }

  #scanField(key: Key, at: number, from: number): number {
    if (key === 'test_params') {
      return this.#bytes[at] === OPEN_BRACKET
        ? scanValues(this.#bytes, at + 1, this.#target, from)
        : DECLINED;
    }
    if (key !== 'die_id' && this.#bytes[at] === LOWER_N) {
      if (!standsAt(this.#bytes, at, 'null')) return DECLINED;
      if (key !== 'model_name' && key !== 'model_version') this.label[key] = null;
      return at + 4;
    }
    if (key === 'model_name' || key === 'model_version') return this.#scanNamed(key, at);
    if (key === 'x' || key === 'y') return this.#scanWhole(key, at, MAX_PLAIN_COORDINATE_DIGITS);
    return key === 'touchdown' ? this.#scanWhole(key, at, MAX_TOUCHDOWN_DIGITS) : this.#scanId(key, at);
  }

  #scanId(key: Exclude<DieLabelField, 'x' | 'y' | 'touchdown'>, at: number): number {
    const end = endOfId(this.#bytes, at);
    if (end === DECLINED) return DECLINED;
    this.label[key] = this.#bytes.toString('latin1', at + 1, end);
    return end + 1;
  }

  #scanNamed(key: 'model_name' | 'model_version', at: number): number {
    const end = endOfId(this.#bytes, at);
    if (end === DECLINED) return DECLINED;
    const name = this.#bytes.toString('latin1', at + 1, end);
    if (key === 'model_name') this.#modelName = name;
    else this.#modelVersion = name;
    return end + 1;
  }

  #scanWhole(key: 'x' | 'y' | 'touchdown', at: number, maxDigits: number): number {
    const bytes = this.#bytes;
    const negative = bytes[at] === MINUS;
    if (negative && key === 'touchdown') return DECLINED;
    const start = negative ? at + 1 : at;
    at = start;
    let value = 0;
    while (at - start <= maxDigits && isDigit(bytes[at])) {
      value = value * 10 + (bytes[at++] - ZERO);
    }
    const digits = at - start;
    if (digits === 0 || digits > maxDigits) return DECLINED;
    // "-0", and "007", which is not JSON.
    if (bytes[start] === ZERO && (digits > 1 || negative)) return DECLINED;
    // What follows is the caller's to judge: ".5" and "e3" are no comma either.
    this.label[key] = negative ? -value : value;
    return at;
  }
}

/** All keys from the start, so that every label has the same hidden class and readers stay monomorphic. */
function emptyLabel(): DieLabel {
  return {
    die_id: '',
    lot_id: undefined,
    wafer_id: undefined,
    x: undefined,
    y: undefined,
    equipment_id: undefined,
    stdf_file: undefined,
    insertion: undefined,
    touchdown: undefined,
  };
}

/** Where the closing quote stands of an id that is plainly valid; DECLINED for any other. */
function endOfId(bytes: Uint8Array, at: number): number {
  const end = scanString(bytes, at);
  return end === DECLINED || end === at + 1 || end - at - 1 > MAX_PLAIN_ID_BYTES ? DECLINED : end;
}

/** Where the closing quote stands of the string that opens at `at`; DECLINED on an escape or non-ASCII. */
function scanString(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== QUOTE) return DECLINED;
  for (let i = at + 1; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) return i;
    if (byte < 0x20 || byte >= 0x80 || byte === BACKSLASH) return DECLINED;
  }
  return DECLINED;
}

/** Which of {@link KEYS} stands there; -1 for none of them. */
function keyAt(bytes: Uint8Array, start: number, end: number): number {
  for (let index = 0; index < KEYS.length; index++) {
    const key = KEYS[index];
    if (key.length === end - start && standsAt(bytes, start, key)) return index;
  }
  return -1;
}

/** Behind a string, number, true, false or null that nobody reads. */
function skipScalar(bytes: Uint8Array, at: number): number {
  switch (bytes[at]) {
    case QUOTE: {
      const end = scanString(bytes, at);
      return end === DECLINED ? DECLINED : end + 1;
    }
    case LOWER_T:
      return standsAt(bytes, at, 'true') ? at + 4 : DECLINED;
    case LOWER_F:
      return standsAt(bytes, at, 'false') ? at + 5 : DECLINED;
    case LOWER_N:
      return standsAt(bytes, at, 'null') ? at + 4 : DECLINED;
    default:
      return skipNumber(bytes, at);
  }
}

/** Behind a number by JSON's grammar: -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? */
function skipNumber(bytes: Uint8Array, at: number): number {
  if (bytes[at] === MINUS) at++;
  const whole = at;
  at = skipDigits(bytes, at);
  if (at === whole || (bytes[whole] === ZERO && at > whole + 1)) return DECLINED;
  if (bytes[at] === POINT) {
    const fraction = ++at;
    at = skipDigits(bytes, at);
    if (at === fraction) return DECLINED;
  }
  if (bytes[at] === LOWER_E || bytes[at] === UPPER_E) {
    at++;
    if (bytes[at] === PLUS || bytes[at] === MINUS) at++;
    const exponent = at;
    at = skipDigits(bytes, at);
    if (at === exponent) return DECLINED;
  }
  return at;
}

function skipDigits(bytes: Uint8Array, at: number): number {
  while (isDigit(bytes[at])) at++;
  return at;
}
