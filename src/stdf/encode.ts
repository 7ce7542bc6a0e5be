import { refuse, reserve, type Sink, writeNibbles, writeValue } from './encode-values.js';
import { type FieldLayout, layoutOf, type RecordLayout } from './layout.js';
import type { ByteOrder, RawRecord, StdfRecord } from './records.js';

const HEADER_BYTES = 4;
const MAX_BODY_BYTES = 65535;

type Values = { readonly optFlag?: unknown } & Readonly<Record<string, unknown>>;

/** Collects encoded records until {@link RecordEncoder.take} hands them over. */
interface RecordEncoder {
  /** Appends one record with its header. Throws a Fault `invalid_data` where it cannot be written. */
  add(record: StdfRecord | RawRecord): void;
  /** Bytes waiting. */
  readonly length: number;
  /** The bytes waiting, which now belong to the caller. */
  take(): Uint8Array;
}

/**
 * Writes records by the same tables that read them. Fields that are undefined are left out from the
 * end of a record; an undefined field before one that is there gets its missing value (and the bit
 * in OPT_FLAG that says so). A {@link RawRecord} is written as it is, so its bytes must already be in
 * this byte order.
 */
export function createRecordEncoder(byteOrder: ByteOrder, chunkBytes = 64 * 1024): RecordEncoder {
  const sink: Sink = { byteOrder, bytes: Buffer.allocUnsafe(chunkBytes), length: 0, field: '' };
  return {
    get length() {
      return sink.length;
    },
    add(record) {
      const start = reserve(sink, HEADER_BYTES);
      try {
        const { typ, sub } = record.type === 'Raw' ? writeRaw(record, sink) : writeTyped(record, sink);
        writeHeader(sink, start, typ, sub);
      } catch (error) {
        // A refused record leaves nothing behind: those before it can still be taken.
        sink.length = start;
        throw error;
      }
    },
    take() {
      const bytes = new Uint8Array(sink.bytes.subarray(0, sink.length));
      sink.length = 0;
      return bytes;
    },
  };
}

/** One record as bytes, with its header. */
export function encodeRecord(record: StdfRecord | RawRecord, byteOrder: ByteOrder): Uint8Array {
  const encoder = createRecordEncoder(byteOrder, 512);
  encoder.add(record);
  return encoder.take();
}

function writeHeader(sink: Sink, start: number, typ: number, sub: number): void {
  const length = sink.length - start - HEADER_BYTES;
  if (length > MAX_BODY_BYTES) {
    throw refuse(sink, `the record would be ${length} bytes long, a record has at most ${MAX_BODY_BYTES}`);
  }
  if (sink.byteOrder === 'little') sink.bytes.writeUInt16LE(length, start);
  else sink.bytes.writeUInt16BE(length, start);
  sink.bytes[start + 2] = typ;
  sink.bytes[start + 3] = sub;
}

function writeRaw(
  { typ, sub, bytes }: RawRecord,
  sink: Sink,
): { readonly typ: number; readonly sub: number } {
  sink.field = `record ${typ}/${sub}`;
  sink.bytes.set(bytes, reserve(sink, bytes.length));
  return { typ, sub };
}

function writeTyped(record: StdfRecord, sink: Sink): RecordLayout {
  const layout = layoutOf(record.type);
  // The layout and the type StdfRecord are made from one table: its keys are the record's.
  const values = record as unknown as Values;
  const { fields, names, requiredCount } = layout;
  let present = fields.length;
  let absent = 0;
  for (const { key } of fields) if (values[key] === undefined) absent++;
  while (present > requiredCount && values[fields[present - 1]?.key ?? ''] === undefined) present--;
  const gaps = absent > fields.length - present;
  for (let i = 0; i < present; i++) {
    const field = fields[i];
    if (field === undefined) break;
    sink.field = names[i] ?? '';
    let value = values[field.key];
    if (gaps && field.key === 'optFlag') value = optFlagOf(fields.slice(0, present), values);
    else if (value === undefined) value = fillOf(field, values);
    if (field.countKey === undefined) writeValue(field.code, value, sink);
    else writeArray(field, value, values[field.countKey], sink);
  }
  if (record.extra !== undefined) sink.bytes.set(record.extra, reserve(sink, record.extra.length));
  return layout;
}

function writeArray({ code }: FieldLayout, value: unknown, count: unknown, sink: Sink): void {
  if (!Array.isArray(value)) throw refuse(sink, 'expected an array');
  if (value.length !== count) {
    throw refuse(sink, `has ${value.length} elements where its count field says ${String(count)}`);
  }
  if (code === 'N1') writeNibbles(value, sink);
  else for (const element of value) writeValue(code, element, sink);
}

/**
 * What is written for an undefined field: its missing value. Undefined where the standard has none:
 * such a field must be given, and writing it says so.
 */
function fillOf({ key, code, countKey, missing }: FieldLayout, values: Values): unknown {
  if (countKey !== undefined) return values[countKey] === 0 ? [] : undefined;
  if (typeof missing === 'number') return missing;
  if (missing !== undefined) return 0;
  if (key === 'rtnIcnt' || key === 'pgmIcnt' || key === 'rsltCnt') return 0;
  switch (code) {
    case 'C1':
      return ' ';
    case 'Cn':
      return '';
    case 'Bn':
      return new Uint8Array(0);
    case 'Dn':
      return { count: 0, bytes: new Uint8Array(0) };
    default:
      return undefined;
  }
}

/**
 * OPT_FLAG with the bits set that its undefined neighbours need. A given OPT_FLAG is only added to,
 * and never by a bit that would also void a value that is there; without one, every bit is set that
 * no given value contradicts (reserved bits are 1).
 */
function optFlagOf(present: readonly FieldLayout[], values: Values): number {
  const masks = (given: boolean) =>
    present
      .filter(({ key, missing }) => typeof missing === 'object' && (values[key] !== undefined) === given)
      .map(({ missing }) => (typeof missing === 'object' ? missing.optFlag : 0));
  const used = masks(true).reduce((all, mask) => all | mask, 0);
  const given = values.optFlag;
  if (typeof given !== 'number') return 0xff & ~used;
  // The lowest bit of a mask with two is "use the default", which is what absent means.
  return masks(false).reduce(
    (flag, mask) => ((flag | mask) !== flag && (mask & used) === 0 ? flag | (mask & -mask) : flag),
    given,
  );
}
