import { crc32 } from 'node:zlib';
import { sequenceOf } from './record-codec.js';

/**
 * A segment while it is written to: a head of {@link HEAD_BYTES}, then one entry for each record, appended and never
 * changed. An entry is a mark, a CRC-32 of all that follows, the length of the record, the length of its row where that is
 * kept, and both. What is torn off at the end is found by it, and so is a bit that flipped.
 */
const MAGIC = Buffer.from('diegate1');
export const HEAD_BYTES = 28;
const MARK = Buffer.from([0xd1, 0xe9, 0xa7, 0x0e]);
export const ENTRY_HEAD_BYTES = 16;
/** Where in its head an entry says how long its record is, and its row. */
export const RECORD_BYTES_AT = 8;
export const ROW_BYTES_AT = 12;

/** What the head of a segment says. */
interface SegmentHead {
  /** Number of the segment, from 1. */
  readonly segment: number;
  /** Sequence of its first record. */
  readonly first: number;
}

/** The head of a segment, as its first bytes. */
export function segmentHead({ segment, first }: SegmentHead): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  MAGIC.copy(head);
  head.writeDoubleLE(segment, 8);
  head.writeDoubleLE(first, 16);
  head.writeUInt32LE(crc32(head.subarray(0, 24)), 24);
  return head;
}

/** @returns undefined where the bytes are no head, or one that has been damaged */
export function readSegmentHead(bytes: Buffer): SegmentHead | undefined {
  if (bytes.length < HEAD_BYTES || !bytes.subarray(0, 8).equals(MAGIC)) return undefined;
  if (bytes.readUInt32LE(24) !== crc32(bytes.subarray(0, 24))) return undefined;
  return { segment: bytes.readDoubleLE(8), first: bytes.readDoubleLE(16) };
}

/** Bytes of an entry. */
export function entryBytes(recordBytes: number, rowBytes: number): number {
  return ENTRY_HEAD_BYTES + recordBytes + rowBytes;
}

/**
 * Writes mark and checksum of an entry of which everything else is there.
 * @param end of the entry
 */
export function sealEntry(bytes: Buffer, at: number, end: number): void {
  // Four stores: a call of the system's copy takes longer.
  bytes[at] = MARK[0] ?? 0;
  bytes[at + 1] = MARK[1] ?? 0;
  bytes[at + 2] = MARK[2] ?? 0;
  bytes[at + 3] = MARK[3] ?? 0;
  bytes.writeUInt32LE(checksum(bytes, at, end), at + 4);
}

/** The lengths are part of it: a flipped bit of theirs is found as well. */
function checksum(bytes: Buffer, at: number, end: number): number {
  return crc32(bytes.subarray(at + RECORD_BYTES_AT, end));
}

/** One record of a segment and its row where that was kept; views of the bytes that were read. */
export interface SegmentEntry {
  readonly at: number;
  readonly record: Buffer;
  readonly row: Buffer;
}

/** Bytes of a segment that are no entry. */
interface SegmentDamage {
  readonly from: number;
  readonly to: number;
  /** Of the first record that is missing for it. */
  readonly sequence: number;
  /** Whether nothing follows: the tail that a crash tears off. */
  readonly isTail: boolean;
}

/** What the bytes of a segment hold. */
interface ReadSegment {
  readonly head: SegmentHead | undefined;
  readonly entries: readonly SegmentEntry[];
  readonly damages: readonly SegmentDamage[];
}

/** Reads all entries that are whole, also those behind damage. */
export function readSegmentBytes(bytes: Buffer): ReadSegment {
  const head = readSegmentHead(bytes);
  return { head, ...readEntries(bytes, HEAD_BYTES, head?.first ?? 0) };
}

/**
 * Reads entries from where one begins.
 * @param next sequence of the first of them
 */
export function readEntries(bytes: Buffer, from: number, next: number): Omit<ReadSegment, 'head'> {
  const entries: SegmentEntry[] = [];
  const damages: SegmentDamage[] = [];
  let at = from;
  while (at < bytes.length) {
    const entry = entryAt(bytes, at);
    if (entry !== undefined) {
      entries.push(entry);
      next = sequenceOf(entry.record, 0) + 1;
      at = endOfEntry(entry);
      continue;
    }
    const found = nextEntry(bytes, at + 1);
    damages.push({ from: at, to: found ?? bytes.length, sequence: next, isTail: found === undefined });
    at = found ?? bytes.length;
  }
  return { entries, damages };
}

/** Where the next entry begins. */
export function endOfEntry({ at, record, row }: SegmentEntry): number {
  return at + entryBytes(record.length, row.length);
}

function entryAt(bytes: Buffer, at: number): SegmentEntry | undefined {
  if (at + ENTRY_HEAD_BYTES > bytes.length || MARK.compare(bytes, at, at + 4) !== 0) return undefined;
  const recordBytes = bytes.readUInt32LE(at + RECORD_BYTES_AT);
  const end = at + entryBytes(recordBytes, bytes.readUInt32LE(at + ROW_BYTES_AT));
  if (recordBytes === 0 || end > bytes.length) return undefined;
  if (checksum(bytes, at, end) !== bytes.readUInt32LE(at + 4)) return undefined;
  const from = at + ENTRY_HEAD_BYTES;
  return {
    at,
    record: bytes.subarray(from, from + recordBytes),
    row: bytes.subarray(from + recordBytes, end),
  };
}

function nextEntry(bytes: Buffer, from: number): number | undefined {
  for (let at = bytes.indexOf(MARK, from); at !== -1; at = bytes.indexOf(MARK, at + 1))
    if (entryAt(bytes, at) !== undefined) return at;
  return undefined;
}
