import type { GateRecord, NewRecord } from './record.js';
import { RECORD_KINDS } from './record.js';

/**
 * The bytes of a record, which are what is hashed: fields at fixed places, little-endian, what is absent zero and its bit
 * of the mask clear; then its texts, each with its length. One record has one form, so that it can be made again from
 * whatever holds the same fields.
 */
const FORM = 1;
const AT = {
  form: 0,
  kind: 1,
  mask: 2,
  sequence: 6,
  time: 14,
  x: 22,
  y: 24,
  touchdown: 26,
  prediction: 30,
  score: 31,
  confidence: 39,
  queueMs: 47,
  runMs: 51,
  latencyMs: 55,
  rowSha256: 59,
  modelSha256: 91,
  texts: 123,
} as const;

/** Where the hash of the row stands, which is filled in after the rest. */
export const ROW_HASH_AT = AT.rowSha256;
const ROW_HASH_BYTES = 32;

const BIT = {
  x: 1,
  y: 2,
  touchdown: 4,
  score: 8,
  confidence: 16,
  queueMs: 32,
  runMs: 64,
  latencyMs: 128,
  rowSha256: 256,
  modelSha256: 512,
} as const;

const TEXTS = [
  'dieId',
  'lot',
  'wafer',
  'insertion',
  'equipment',
  'stdfFile',
  'door',
  'keyId',
  'requestId',
  'traceId',
  'model',
  'version',
  'fallback',
  'code',
] as const satisfies readonly (keyof GateRecord)[];

const ABSENT = 0xffff;
const ABSENT_DETAIL = 0xffff_ffff;
const MAX_TEXT_BYTES = 1024;
const MAX_DETAIL_BYTES = 256 * 1024;

/** Bytes that are surely enough for a record: what is longer is cut. */
export function roomForRecord({ detail }: NewRecord): number {
  const bytes = detail === undefined ? 0 : Math.min(MAX_DETAIL_BYTES, 3 * detail.length);
  return AT.texts + TEXTS.length * (2 + MAX_TEXT_BYTES) + 4 + bytes;
}

const KIND_INDEX: ReadonlyMap<string, number> = new Map(RECORD_KINDS.map((kind, index) => [kind, index]));

/**
 * Writes a record with sequence 0; {@link placeRecord} gives it its own.
 * @param hasRow whether the hash of its row will be filled in
 * @param modelHash 32 bytes; undefined where no model is named
 * @returns the position behind it
 */
export function encodeGateRecord(
  into: Buffer,
  from: number,
  record: NewRecord,
  hasRow: boolean,
  modelHash: Uint8Array | undefined,
): number {
  // + 0 makes 0 of -0, which columns of tables do not tell apart.
  const { x, y, touchdown, score, confidence, queueMs, runMs, latencyMs } = record;
  let mask = hasRow ? BIT.rowSha256 : 0;
  into.fill(0, from, from + AT.texts);
  into[from + AT.form] = FORM;
  into[from + AT.kind] = KIND_INDEX.get(record.kind) ?? 0;
  into.writeDoubleLE(record.time, from + AT.time);
  if (x !== undefined) {
    mask |= BIT.x;
    into.writeInt16LE(x, from + AT.x);
  }
  if (y !== undefined) {
    mask |= BIT.y;
    into.writeInt16LE(y, from + AT.y);
  }
  if (touchdown !== undefined) {
    mask |= BIT.touchdown;
    into.writeUInt32LE(touchdown, from + AT.touchdown);
  }
  if (record.prediction !== undefined) into[from + AT.prediction] = record.prediction === 'pass' ? 1 : 2;
  if (score !== undefined) {
    mask |= BIT.score;
    into.writeDoubleLE(score + 0, from + AT.score);
  }
  if (confidence !== undefined) {
    mask |= BIT.confidence;
    into.writeDoubleLE(confidence + 0, from + AT.confidence);
  }
  if (queueMs !== undefined) {
    mask |= BIT.queueMs;
    into.writeFloatLE(queueMs + 0, from + AT.queueMs);
  }
  if (runMs !== undefined) {
    mask |= BIT.runMs;
    into.writeFloatLE(runMs + 0, from + AT.runMs);
  }
  if (latencyMs !== undefined) {
    mask |= BIT.latencyMs;
    into.writeFloatLE(latencyMs + 0, from + AT.latencyMs);
  }
  if (modelHash !== undefined) {
    mask |= BIT.modelSha256;
    into.set(modelHash, from + AT.modelSha256);
  }
  into.writeUInt32LE(mask, from + AT.mask);
  let at = from + AT.texts;
  for (const name of TEXTS) at = writeText(into, at, record[name]);
  return writeDetail(into, at, record.detail);
}

/** Gives an encoded record its place in the log. */
export function placeRecord(bytes: Buffer, from: number, sequence: number): void {
  bytes.writeDoubleLE(sequence, from + AT.sequence);
}

/** Whether an encoded record has a row, whose hash it holds. */
export function hasRowHash(bytes: Buffer, from: number): boolean {
  return (bytes.readUInt32LE(from + AT.mask) & BIT.rowSha256) !== 0;
}

/** The place in the log of an encoded record. */
export function sequenceOf(bytes: Buffer, from: number): number {
  return bytes.readDoubleLE(from + AT.sequence);
}

/** The bytes of a record that was read: those it was written with. */
export function recordBytes(record: GateRecord): Buffer {
  const into = Buffer.allocUnsafe(roomForRecord(record));
  const { rowSha256, modelSha256 } = record;
  const model = modelSha256 === undefined ? undefined : Buffer.from(modelSha256, 'hex');
  const end = encodeGateRecord(into, 0, record, rowSha256 !== undefined, model);
  placeRecord(into, 0, record.sequence);
  if (rowSha256 !== undefined) into.write(rowSha256, AT.rowSha256, ROW_HASH_BYTES, 'hex');
  return into.subarray(0, end);
}

/**
 * Reads a record that was written by {@link encodeGateRecord}.
 * @returns undefined where the bytes are none
 */
export function decodeRecord(bytes: Buffer): GateRecord | undefined {
  const kind = RECORD_KINDS[bytes[AT.kind] ?? RECORD_KINDS.length];
  if (bytes.length < AT.texts || bytes[AT.form] !== FORM || kind === undefined) return undefined;
  const mask = bytes.readUInt32LE(AT.mask);
  const has = (name: keyof typeof BIT) => (mask & BIT[name]) !== 0;
  const hex = (at: number) => bytes.toString('hex', at, at + ROW_HASH_BYTES);
  const record: GateRecord = {
    sequence: sequenceOf(bytes, 0),
    time: bytes.readDoubleLE(AT.time),
    kind,
    x: has('x') ? bytes.readInt16LE(AT.x) : undefined,
    y: has('y') ? bytes.readInt16LE(AT.y) : undefined,
    touchdown: has('touchdown') ? bytes.readUInt32LE(AT.touchdown) : undefined,
    prediction: ([undefined, 'pass', 'fail'] as const)[bytes[AT.prediction] ?? 0],
    score: has('score') ? bytes.readDoubleLE(AT.score) : undefined,
    confidence: has('confidence') ? bytes.readDoubleLE(AT.confidence) : undefined,
    queueMs: has('queueMs') ? bytes.readFloatLE(AT.queueMs) : undefined,
    runMs: has('runMs') ? bytes.readFloatLE(AT.runMs) : undefined,
    latencyMs: has('latencyMs') ? bytes.readFloatLE(AT.latencyMs) : undefined,
    rowSha256: has('rowSha256') ? hex(AT.rowSha256) : undefined,
    modelSha256: has('modelSha256') ? hex(AT.modelSha256) : undefined,
  };
  let at: number = AT.texts;
  for (const name of TEXTS) {
    if (at + 2 > bytes.length) return undefined;
    const length = bytes.readUInt16LE(at);
    at += 2;
    if (length === ABSENT) continue;
    record[name] = bytes.toString('utf8', at, at + length);
    at += length;
  }
  if (at + 4 > bytes.length) return undefined;
  const length = bytes.readUInt32LE(at);
  at += 4;
  if (length === ABSENT_DETAIL) return at === bytes.length ? record : undefined;
  if (at + length !== bytes.length) return undefined;
  record.detail = bytes.toString('utf8', at, at + length);
  return record;
}

// Up to here a loop over the characters is faster than a call of the encoder.
const SHORT_TEXT = 40;

/** A text of at most {@link MAX_TEXT_BYTES}; what is longer is cut between characters. */
function writeText(into: Buffer, at: number, text: string | undefined): number {
  if (text === undefined) {
    into[at] = 0xff;
    into[at + 1] = 0xff;
    return at + 2;
  }
  const start = at + 2;
  const { length } = text;
  let i = 0;
  if (length <= SHORT_TEXT) {
    for (; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) break;
      into[start + i] = code;
    }
  }
  const bytes =
    i === length ? length : into.write(text, start, Math.min(MAX_TEXT_BYTES, into.length - start));
  into[at] = bytes & 0xff;
  into[at + 1] = bytes >> 8;
  return start + bytes;
}

function writeDetail(into: Buffer, at: number, detail: string | undefined): number {
  if (detail === undefined) {
    into.writeUInt32LE(ABSENT_DETAIL, at);
    return at + 4;
  }
  const bytes = into.write(detail, at + 4, Math.min(MAX_DETAIL_BYTES, into.length - at - 4));
  into.writeUInt32LE(bytes, at);
  return at + 4 + bytes;
}
