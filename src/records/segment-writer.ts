import { hash } from 'node:crypto';
import type { RecordsDisk } from './disk.js';
import {
  ENTRY_HEAD_BYTES,
  entryBytes,
  HEAD_BYTES,
  RECORD_BYTES_AT,
  ROW_BYTES_AT,
  sealEntry,
  segmentHead,
} from './open-segment.js';
import { placeRecord, ROW_HASH_AT } from './record-codec.js';
import { segmentFile } from './segment-files.js';

/**
 * Records that were encoded together, as entries whose mark, checksum and sequence are still missing. The length of a row
 * has two flags beside it.
 */
export interface RecordChunk {
  readonly bytes: Buffer;
  readonly records: number;
}

/** The row is hashed, and the record is to hold its hash. */
export const ROW_IS_HASHED = 0x8000_0000;
/** The row is not kept: it is there to be hashed. */
export const ROW_IS_DROPPED = 0x4000_0000;
const ROW_BYTES = 0x3fff_ffff;

interface SegmentWriterOptions {
  readonly folder: string;
  readonly disk: RecordsDisk;
  /** Number of the segment that is begun. */
  readonly segment: number;
  /** Sequence of the next record. */
  readonly next: number;
}

/** A segment that is closed and may be sealed. */
export interface ClosedSegment {
  readonly segment: number;
  readonly records: number;
}

/**
 * Appends records to the open segment, in order, each exactly once: what could not be written, or is not known to be on
 * the disk, is kept and written again from where the disk was last known to hold everything. Knows no time.
 */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  #segment: number;
  #next: number;
  #first: number;
  #fd: number | undefined;
  /** Bytes of the file that are known to be durable. */
  #synced = 0;
  /** Bytes that follow them, in order; the first {@link #written} of them have been handed to the system. */
  #unsynced: Buffer[] = [];
  #written = 0;
  #bytes = 0;
  /** Whether the name of the file is durable too. */
  #isNamed = false;
  /** Durable records that went with a removed file, until somebody is told. */
  #lost = 0;

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
    this.#segment = options.segment;
    this.#next = options.next;
    this.#first = options.next;
  }

  /** Number of the open segment. */
  get segment(): number {
    return this.#segment;
  }

  /** Sequence of the next record. */
  get next(): number {
    return this.#next;
  }

  /** Records of the open segment. */
  get records(): number {
    return this.#next - this.#first;
  }

  /** Bytes of the open segment, written or not. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether everything is durable. */
  get isSynced(): boolean {
    return this.#unsynced.length === 0;
  }

  /** Takes over records: gives them their places, hashes rows that nobody has hashed. Nothing is written yet. */
  take({ bytes }: RecordChunk): void {
    const into = Buffer.allocUnsafeSlow(bytes.length);
    let to = 0;
    let copied = 0;
    for (let at = 0; at < bytes.length; ) {
      const record = at + ENTRY_HEAD_BYTES;
      const row = record + bytes.readUInt32LE(at + RECORD_BYTES_AT);
      const flagged = bytes.readUInt32LE(at + ROW_BYTES_AT);
      const end = row + (flagged & ROW_BYTES);
      placeRecord(bytes, record, this.#next++);
      let kept = end;
      if (flagged !== 0) {
        if ((flagged & ROW_IS_HASHED) !== 0)
          bytes.write(hash('sha256', bytes.subarray(row, end), 'binary'), record + ROW_HASH_AT, 'latin1');
        if ((flagged & ROW_IS_DROPPED) !== 0) kept = row;
        bytes.writeUInt32LE(kept - row, at + ROW_BYTES_AT);
      }
      sealEntry(bytes, at, kept);
      at = end;
      if (kept === end) continue;
      // All entries up to here stand as they will in the file.
      to += bytes.copy(into, to, copied, kept);
      copied = end;
    }
    to += bytes.copy(into, to, copied);
    const block = into.subarray(0, to);
    this.#unsynced.push(block);
    this.#bytes += to;
  }

  /**
   * Hands everything that was taken to the system.
   * @throws the system's error; then nothing is lost, and {@link recover} tries again
   */
  write(): void {
    const fd = this.#open();
    let position = this.#synced;
    let skip = this.#written;
    for (const block of this.#unsynced) {
      if (skip >= block.length) skip -= block.length;
      else this.#options.disk.write(fd, block, position);
      position += block.length;
    }
    this.#written = position - this.#synced;
  }

  /**
   * Makes durable whatever has been written.
   * @throws the system's error, or one that says that the file is not there any more
   */
  sync(): void {
    const { disk, folder } = this.#options;
    const fd = this.#open();
    disk.sync(fd);
    if (!this.#isNamed) disk.syncFolder(folder);
    this.#isNamed = true;
    if (!disk.isThere(fd)) throw new Error(`${this.#file()} has been removed`);
    this.#synced += this.#written;
    this.#written = 0;
    this.#unsynced = [];
  }

  /**
   * After an error: cuts off what may have been half written, and writes it again, durably. A file that was removed is
   * followed by another segment.
   * @returns how many durable records went with a removed file
   * @throws the system's error where the disk still refuses
   */
  recover(): number {
    const { disk } = this.#options;
    if (this.#fd !== undefined && !disk.isThere(this.#fd)) {
      disk.close(this.#fd);
      this.#fd = undefined;
      const kept = this.#unsynced.filter(({ length }) => length !== HEAD_BYTES);
      const keptRecords = kept.reduce((sum, block) => sum + countEntries(block), 0);
      this.#lost += this.records - keptRecords;
      this.#begin(this.#segment + 1, this.#next - keptRecords);
      this.#unsynced.push(...kept);
      this.#bytes += kept.reduce((sum, { length }) => sum + length, 0);
    }
    this.#written = 0;
    const fd = this.#open();
    disk.truncate(fd, this.#synced);
    this.write();
    this.sync();
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }

  /**
   * Ends the open segment, durably; the next record begins another one.
   * @throws the system's error
   */
  roll(): ClosedSegment {
    this.write();
    this.sync();
    const closed = { segment: this.#segment, records: this.records };
    if (this.#fd !== undefined) this.#options.disk.close(this.#fd);
    this.#fd = undefined;
    this.#begin(this.#segment + 1, this.#next);
    return closed;
  }

  #begin(segment: number, first: number): void {
    this.#segment = segment;
    this.#first = first;
    this.#synced = 0;
    this.#written = 0;
    this.#bytes = 0;
    this.#isNamed = false;
    this.#unsynced = [];
  }

  #file(): string {
    return segmentFile(this.#options.folder, this.#segment, 'open');
  }

  #open(): number {
    if (this.#fd !== undefined) return this.#fd;
    const fd = this.#options.disk.create(this.#file());
    this.#fd = fd;
    const head = segmentHead({ segment: this.#segment, first: this.#first });
    this.#unsynced.unshift(head);
    this.#bytes += head.length;
    return fd;
  }
}

/** Entries of a block that {@link SegmentWriter.take} made. */
function countEntries(block: Buffer): number {
  let count = 0;
  for (let at = 0; at < block.length; count++)
    at += entryBytes(block.readUInt32LE(at + RECORD_BYTES_AT), block.readUInt32LE(at + ROW_BYTES_AT));
  return count;
}
