import { Fault } from '../errors.js';
import { type Bits, GENERIC_CODES, type GenericValue, type ScalarCode } from './field-types.js';
import type { ByteOrder } from './records.js';
import { cutToBytes, textBytes } from './text-bytes.js';

/** Bytes of one record being written; grows as needed. */
export interface Sink {
  readonly byteOrder: ByteOrder;
  /** The first `length` bytes are written. */
  bytes: Buffer;
  length: number;
  /** The record and field being written, for the words of a refusal: `Ptr.TEST_NUM`. */
  field: string;
}

/** Longest Cn and Bn, in bytes. */
export const MAX_TEXT_BYTES = 255;

const QUESTION_MARK = 0x3f;

const INTEGERS = {
  U1: { size: 1, min: 0, max: 255 },
  B1: { size: 1, min: 0, max: 255 },
  U2: { size: 2, min: 0, max: 65535 },
  U4: { size: 4, min: 0, max: 4294967295 },
  I1: { size: 1, min: -128, max: 127 },
  I2: { size: 2, min: -32768, max: 32767 },
  I4: { size: 4, min: -2147483648, max: 2147483647 },
} as const;

type IntegerCode = keyof typeof INTEGERS;

/**
 * Writes one value. Throws a Fault `invalid_data` naming record and field where it cannot be
 * written without changing it, except text: that is cut at 255 bytes (see `textBytes`), and a C1
 * that Latin-1 does not have becomes `?`.
 */
export function writeValue(code: ScalarCode, value: unknown, sink: Sink): void {
  switch (code) {
    case 'R4':
    case 'R8':
      writeFloat(code, value, sink);
      break;
    case 'C1':
      writeCharacter(value, sink);
      break;
    case 'Cn':
      writeText(value, sink);
      break;
    case 'Bn':
      writeBytes(value, sink);
      break;
    case 'Dn':
      writeBits(value, sink);
      break;
    case 'N1':
      writeNibbles([value], sink);
      break;
    case 'Vn':
      writeGeneric(value, sink);
      break;
    default:
      writeInteger(code, value, sink);
      break;
  }
}

/** Makes room for `size` more bytes and returns where they go. */
export function reserve(sink: Sink, size: number): number {
  const at = sink.length;
  if (at + size > sink.bytes.length) {
    const larger = Buffer.allocUnsafe(Math.max(at + size, 2 * sink.bytes.length));
    sink.bytes.copy(larger, 0, 0, at);
    sink.bytes = larger;
  }
  sink.length = at + size;
  return at;
}

export function refuse(sink: Sink, problem: string): Fault {
  return new Fault('invalid_data', [`${sink.field}: ${problem}`]);
}

function writeInteger(code: IntegerCode, value: unknown, sink: Sink): void {
  const { size, min, max } = INTEGERS[code];
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw refuse(sink, `${String(value)} is no ${code} (an integer from ${min} to ${max})`);
  }
  const at = reserve(sink, size);
  // The low bits of a negative number are its two's complement, whatever the size.
  for (let i = 0; i < size; i++) {
    sink.bytes[sink.byteOrder === 'little' ? at + i : at + size - 1 - i] = (value >> (8 * i)) & 0xff;
  }
}

/** R4 is rounded to float32, as every number with a decimal fraction is; NaN and infinity are values. */
function writeFloat(code: 'R4' | 'R8', value: unknown, sink: Sink): void {
  if (typeof value !== 'number') throw refuse(sink, `${String(value)} is no ${code}`);
  const little = sink.byteOrder === 'little';
  if (code === 'R8') {
    const at = reserve(sink, 8);
    if (little) sink.bytes.writeDoubleLE(value, at);
    else sink.bytes.writeDoubleBE(value, at);
    return;
  }
  if (Number.isFinite(value) && !Number.isFinite(Math.fround(value))) {
    throw refuse(sink, `${value} is too large for an R4`);
  }
  const at = reserve(sink, 4);
  if (little) sink.bytes.writeFloatLE(value, at);
  else sink.bytes.writeFloatBE(value, at);
}

function isText(value: unknown, sink: Sink): value is string {
  if (typeof value !== 'string') throw refuse(sink, `${String(value)} is no text`);
  return true;
}

function writeCharacter(value: unknown, sink: Sink): void {
  if (!isText(value, sink)) return;
  if (value.length !== 1) throw refuse(sink, `${JSON.stringify(value)} is not one character`);
  const code = value.charCodeAt(0);
  const at = reserve(sink, 1);
  sink.bytes[at] = code > 0xff ? QUESTION_MARK : code;
}

function writeText(value: unknown, sink: Sink): void {
  if (!isText(value, sink)) return;
  const bytes = textBytes(cutToBytes(value, MAX_TEXT_BYTES));
  const at = reserve(sink, 1 + bytes.length);
  sink.bytes[at] = bytes.length;
  bytes.copy(sink.bytes, at + 1);
}

function writeBytes(value: unknown, sink: Sink): void {
  if (!(value instanceof Uint8Array) || value.length > MAX_TEXT_BYTES) {
    throw refuse(sink, `expected at most ${MAX_TEXT_BYTES} bytes`);
  }
  const at = reserve(sink, 1 + value.length);
  sink.bytes[at] = value.length;
  sink.bytes.set(value, at + 1);
}

function isBits(value: unknown): value is Bits {
  if (typeof value !== 'object' || value === null || !('count' in value) || !('bytes' in value)) return false;
  const { count, bytes } = value;
  return typeof count === 'number' && bytes instanceof Uint8Array && bytes.length === Math.ceil(count / 8);
}

function writeBits(value: unknown, sink: Sink): void {
  if (!isBits(value)) throw refuse(sink, 'expected { count, bytes } with ceil(count / 8) bytes');
  writeInteger('U2', value.count, sink);
  sink.bytes.set(value.bytes, reserve(sink, value.bytes.length));
}

/** Two to a byte, the low one first; the last high one of an odd count is 0. */
export function writeNibbles(values: readonly unknown[], sink: Sink): void {
  const start = reserve(sink, Math.ceil(values.length / 2));
  sink.bytes.fill(0, start, sink.length);
  values.forEach((value, i) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 15) {
      throw refuse(sink, `${String(value)} is no N1 (an integer from 0 to 15)`);
    }
    const at = start + (i >> 1);
    sink.bytes[at] = (sink.bytes[at] ?? 0) | (value << (i % 2 === 0 ? 0 : 4));
  });
}

const GENERIC_NUMBERS = new Map([...GENERIC_CODES].map(([number, code]) => [code, number]));

function isGeneric(value: unknown): value is GenericValue {
  return (
    typeof value === 'object' &&
    value !== null &&
    'code' in value &&
    [...GENERIC_CODES.values()].some((code) => code === value.code)
  );
}

function writeGeneric(value: unknown, sink: Sink): void {
  if (!isGeneric(value)) throw refuse(sink, 'expected { code, value } with a type code of a GDR');
  const at = reserve(sink, 1);
  sink.bytes[at] = GENERIC_NUMBERS.get(value.code) ?? 0;
  // A nibble alone takes a byte of its own.
  if (value.code !== 'pad') writeValue(value.code, value.value, sink);
}
