import { createGzip } from 'node:zlib';
import { Fault } from '../errors.js';
import { createRecordEncoder } from './encode.js';
import { MAX_TEXT_BYTES } from './encode-values.js';
import type { ByteOrder, RawRecord, StdfRecord } from './records.js';
import { cutToBytes } from './text-bytes.js';
import { throughZlib } from './zlib-stream.js';

const CHUNK_BYTES = 64 * 1024;

export interface WriteOptions {
  /** Byte order of the file; by default that of the FAR's CPU_TYPE (1 is big, all others little). */
  readonly byteOrder?: ByteOrder;
  /** Whether to compress; off by default. */
  readonly gzip?: boolean;
}

/** The first record of a new file. */
export function farOf(byteOrder: ByteOrder): StdfRecord<'Far'> {
  return { type: 'Far', cpuType: byteOrder === 'little' ? 2 : 1, stdfVer: 4 };
}

/**
 * Writes records as the bytes of an STDF file, in chunks of about 64 KiB; records are taken only as
 * fast as the bytes are. The first record must be a FAR; it is written as given except that its
 * CPU_TYPE is made to agree with `byteOrder` where both are known and differ. A DTR of more than 255
 * characters becomes several. Throws a Fault `invalid_data` for a record that cannot be written.
 */
export function writeStdf(
  records: AsyncIterable<StdfRecord | RawRecord> | Iterable<StdfRecord | RawRecord>,
  options: WriteOptions = {},
): AsyncIterable<Uint8Array> {
  const plain = encode(records, options.byteOrder);
  return options.gzip ? throughZlib(createGzip(), plain) : plain;
}

async function* encode(
  records: AsyncIterable<StdfRecord | RawRecord> | Iterable<StdfRecord | RawRecord>,
  byteOrder: ByteOrder | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  let encoder: ReturnType<typeof createRecordEncoder> | undefined;
  for await (const record of records) {
    if (encoder === undefined) {
      const far = firstRecord(record, byteOrder);
      encoder = createRecordEncoder(byteOrder ?? orderOf(far.cpuType), 2 * CHUNK_BYTES);
      encoder.add(far);
      continue;
    }
    for (const part of split(record)) encoder.add(part);
    if (encoder.length >= CHUNK_BYTES) yield encoder.take();
  }
  if (encoder === undefined) throw new Fault('invalid_data', ['no records to write, expected a Far first']);
  if (encoder.length > 0) yield encoder.take();
}

function orderOf(cpuType: number): ByteOrder {
  return cpuType === 1 ? 'big' : 'little';
}

function firstRecord(record: StdfRecord | RawRecord, byteOrder: ByteOrder | undefined): StdfRecord<'Far'> {
  if (record.type !== 'Far') {
    throw new Fault('invalid_data', [`the first record is a ${record.type}, expected a Far`]);
  }
  const known = record.cpuType === 1 || record.cpuType === 2;
  if (byteOrder === undefined || !known || orderOf(record.cpuType) === byteOrder) return record;
  return { ...record, cpuType: farOf(byteOrder).cpuType };
}

/** A Cn holds 255 bytes: longer lines of the datalog go on in the next DTR. */
function split(record: StdfRecord | RawRecord): readonly (StdfRecord | RawRecord)[] {
  if (record.type !== 'Dtr') return [record];
  const pieces: StdfRecord<'Dtr'>[] = [];
  let rest = record.textDat;
  do {
    const textDat = cutToBytes(rest, MAX_TEXT_BYTES);
    pieces.push({ ...record, textDat });
    rest = rest.slice(textDat.length);
  } while (rest !== '');
  return pieces;
}
