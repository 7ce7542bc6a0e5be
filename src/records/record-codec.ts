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

const NO_HASH = new Uint8Array(ROW_HASH_BYTES);

const ABSENT = 0xffff;
const ABSENT_DETAIL = 0xffff_ffff;
const MAX_TEXT_BYTES = 1024;
const MAX_DETAIL_BYTES = 256 * 1024;

/** Bytes that are surely enough for a record: what is longer is cut. */
export function roomForRecord({ detail }: NewRecord): number {
  const bytes = detail === undefined ? 0 : Math.min(MAX_DETAIL_BYTES, 3 * detail.length);
  return AT.texts + TEXTS.length * (2 + MAX_TEXT_BYTES) + 4 + bytes;
}

/** Memory that records are encoded into: the same bytes, seen in two ways. */
export interface RecordMemory {
  readonly bytes: Buffer;
  readonly view: DataView<ArrayBuffer>;
}

/** The two ways to see an array buffer. */
export function recordMemory(memory: ArrayBuffer): RecordMemory {
  return { bytes: Buffer.from(memory), view: new DataView(memory) };
}

/** What stands in a record for its row: its hash, 32 bytes; or that the hash will be filled in. */
type RowHash = Uint8Array | 'later';

/**
 * Writes a record with sequence 0; {@link placeRecord} gives it its own. Every die passes here: all fields are
 * written by the same steps, whether they are there or not.
 * @param modelHash 32 bytes; undefined where no model is named
 * @returns the position behind it
 */
export function encodeGateRecord(
  { bytes, view }: RecordMemory,
  from: number,
  record: NewRecord,
  modelHash: Uint8Array | undefined,
  rowHash: RowHash | undefined,
): number {
  const { x, y, touchdown, prediction, score, confidence, queueMs, runMs, latencyMs } = record;
  const mask =
    (x === undefined ? 0 : BIT.x) |
    (y === undefined ? 0 : BIT.y) |
    (touchdown === undefined ? 0 : BIT.touchdown) |
    (score === undefined ? 0 : BIT.score) |
    (confidence === undefined ? 0 : BIT.confidence) |
    (queueMs === undefined ? 0 : BIT.queueMs) |
    (runMs === undefined ? 0 : BIT.runMs) |
    (latencyMs === undefined ? 0 : BIT.latencyMs) |
    (rowHash === undefined ? 0 : BIT.rowSha256) |
    (modelHash === undefined ? 0 : BIT.modelSha256);
  bytes[from + AT.form] = FORM;
  bytes[from + AT.kind] = RECORD_KINDS.indexOf(record.kind);
  view.setUint32(from + AT.mask, mask, true);
  view.setFloat64(from + AT.sequence, 0, true);
  view.setFloat64(from + AT.time, record.time, true);
  view.setInt16(from + AT.x, x ?? 0, true);
  view.setInt16(from + AT.y, y ?? 0, true);
  view.setUint32(from + AT.touchdown, touchdown ?? 0, true);
  bytes[from + AT.prediction] = prediction === undefined ? 0 : prediction === 'pass' ? 1 : 2;
  // + 0 makes 0 of -0, which columns of tables do not tell apart.
  view.setFloat64(from + AT.score, (score ?? 0) + 0, true);
  view.setFloat64(from + AT.confidence, (confidence ?? 0) + 0, true);
  view.setFloat32(from + AT.queueMs, (queueMs ?? 0) + 0, true);
  view.setFloat32(from + AT.runMs, (runMs ?? 0) + 0, true);
  view.setFloat32(from + AT.latencyMs, (latencyMs ?? 0) + 0, true);
  bytes.set(rowHash === undefined || rowHash === 'later' ? NO_HASH : rowHash, from + AT.rowSha256);
  bytes.set(modelHash ?? NO_HASH, from + AT.modelSha256);
  let at = from + AT.texts;
  at = writeText(bytes, at, record.dieId);
  at = writeText(bytes, at, record.lot);
  at = writeText(bytes, at, record.wafer);
  at = writeText(bytes, at, record.insertion);
  at = writeText(bytes, at, record.equipment);
  at = writeText(bytes, at, record.stdfFile);
  at = writeText(bytes, at, record.door);
  at = writeText(bytes, at, record.keyId);
  at = writeText(bytes, at, record.requestId);
  at = writeText(bytes, at, record.traceId);
  at = writeText(bytes, at, record.model);
  at = writeText(bytes, at, record.version);
  at = writeText(bytes, at, record.fallback);
  at = writeText(bytes, at, record.code);
  return writeDetail(bytes, at, record.detail);
}

/** Gives an encoded record its place in the log. */
export function placeRecord(bytes: Buffer, from: number, sequence: number): void {
  bytes.writeDoubleLE(sequence, from + AT.sequence);
}

/** The place in the log of an encoded record. */
export function sequenceOf(bytes: Buffer, from: number): number {
  return bytes.readDoubleLE(from + AT.sequence);
}

/** The bytes of a record that was read: those it was written with. */
export function recordBytes(record: GateRecord): Buffer {
  const into = recordMemory(new ArrayBuffer(roomForRecord(record)));
  const { rowSha256, modelSha256 } = record;
  const hash = (hex: string | undefined) => (hex === undefined ? undefined : Buffer.from(hex, 'hex'));
  const end = encodeGateRecord(into, 0, record, hash(modelSha256), hash(rowSha256));
  placeRecord(into.bytes, 0, record.sequence);
  return into.bytes.subarray(0, end);
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
