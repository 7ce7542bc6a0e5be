import { type Bits, GENERIC_CODES, type GenericValue, type ScalarCode } from './field-types.js';
import type { ReadText } from './text-cache.js';

/** Bytes of a file and how to read them. `view` starts where `bytes` does. */
export interface Source {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly littleEndian: boolean;
  readonly text: ReadText;
}

/** A value and the position after it, or undefined where the value does not fit before `end`. */
type Decoded<T> = { readonly value: T; readonly next: number } | undefined;

/** Reads a number of a fixed size; the caller has made sure that its bytes are there. */
function readNumber(code: ScalarCode, { view, littleEndian }: Source, at: number): number {
  switch (code) {
    case 'U2':
      return view.getUint16(at, littleEndian);
    case 'U4':
      return view.getUint32(at, littleEndian);
    case 'I1':
      return view.getInt8(at);
    case 'I2':
      return view.getInt16(at, littleEndian);
    case 'I4':
      return view.getInt32(at, littleEndian);
    case 'R4':
      return view.getFloat32(at, littleEndian);
    case 'R8':
      return view.getFloat64(at, littleEndian);
    default:
      return view.getUint8(at);
  }
}

/** Bn: a byte count, then the bytes (copied: they outlive the chunk). */
export function readBytes({ bytes }: Source, at: number, end: number): Decoded<Uint8Array> {
  const length = bytes[at];
  if (length === undefined || at + 1 + length > end) return undefined;
  return { value: copy(bytes, at + 1, at + 1 + length), next: at + 1 + length };
}

/** Cn: a byte count, then the characters. */
function readText({ bytes, text }: Source, at: number, end: number): Decoded<string> {
  const length = bytes[at];
  if (length === undefined || at + 1 + length > end) return undefined;
  return { value: text(bytes, at + 1, length), next: at + 1 + length };
}

/** Dn: a count of bits (not of bytes), then the bytes. */
export function readBits({ bytes, view, littleEndian }: Source, at: number, end: number): Decoded<Bits> {
  if (at + 2 > end) return undefined;
  const count = view.getUint16(at, littleEndian);
  const next = at + 2 + Math.ceil(count / 8);
  return next > end ? undefined : { value: { count, bytes: copy(bytes, at + 2, next) }, next };
}

/** Vn: a type code, then the value. Undefined also for a type code that the standard does not have. */
function readGeneric(source: Source, at: number, end: number): Decoded<GenericValue> {
  const code = at < end ? GENERIC_CODES.get(source.bytes[at] ?? -1) : undefined;
  switch (code) {
    case undefined:
      return undefined;
    case 'pad':
      return { value: { code }, next: at + 1 };
    case 'Cn': {
      const read = readText(source, at + 1, end);
      return read && { value: { code, value: read.value }, next: read.next };
    }
    case 'Bn': {
      const read = readBytes(source, at + 1, end);
      return read && { value: { code, value: read.value }, next: read.next };
    }
    case 'Dn': {
      const read = readBits(source, at + 1, end);
      return read && { value: { code, value: read.value }, next: read.next };
    }
    default: {
      const next = at + 1 + NUMBER_SIZES[code];
      return next > end ? undefined : { value: { code, value: readNumber(code, source, at + 1) }, next };
    }
  }
}

const NUMBER_SIZES = { U1: 1, U2: 2, U4: 4, I1: 1, I2: 2, I4: 4, R4: 4, R8: 8, N1: 1 } as const;

/** `count` elements of an array; nibbles are packed two to a byte, the low one first. */
export function readArray(
  code: ScalarCode,
  count: number,
  source: Source,
  start: number,
  end: number,
): Decoded<readonly unknown[]> {
  if (code === 'N1') return readNibbles(count, source, start, end);
  const values: unknown[] = [];
  let at = start;
  while (values.length < count) {
    const read = readElement(code, source, at, end);
    if (read === undefined) return undefined;
    values.push(read.value);
    at = read.next;
  }
  return { value: values, next: at };
}

function readNibbles(
  count: number,
  { bytes }: Source,
  start: number,
  end: number,
): Decoded<readonly number[]> {
  const next = start + Math.ceil(count / 2);
  if (next > end) return undefined;
  const value = Array.from({ length: count }, (_, i) => {
    return ((bytes[start + (i >> 1)] ?? 0) >> (i % 2 === 0 ? 0 : 4)) & 0x0f;
  });
  return { value, next };
}

function readElement(code: ScalarCode, source: Source, at: number, end: number): Decoded<unknown> {
  switch (code) {
    case 'Cn':
      return readText(source, at, end);
    case 'Vn':
      return readGeneric(source, at, end);
    case 'U1':
      return at + 1 > end ? undefined : { value: source.bytes[at], next: at + 1 };
    case 'U2':
    case 'R4': {
      const next = at + (code === 'U2' ? 2 : 4);
      return next > end ? undefined : { value: readNumber(code, source, at), next };
    }
    default:
      throw new TypeError(`no record of STDF V4 has an array of ${code}`);
  }
}

export function copy(bytes: Buffer, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}
