import { hash } from 'node:crypto';
import type { RecordsDisk } from './disk.js';
import { entryBytes, HEAD_BYTES, recordAt, sealEntry, segmentHead } from './open-segment.js';
import { hasRowHash, placeRecord, ROW_HASH_AT } from './record-codec.js';
import { segmentFile } from './segment-files.js';

/** What stands before each record of a chunk: its length, that of its row, and whether the row is kept. */
export const CHUNK_HEAD_BYTES = 12;

/** Records that were encoded together. */
export interface RecordChunk {
  /** Heads, records and rows, one behind another; sequences and hashes of rows are still missing. */
  readonly bytes: Buffer;
  readonly records: number;
}

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

  /** Takes over records: hashes their rows, gives them their places. Nothing is written yet. */
  take({ bytes }: RecordChunk): void {
    const into = Buffer.allocUnsafe(sizeOfEntries(bytes));
    let to = 0;
    for (let at = 0; at < bytes.length; ) {
      const recordBytes = bytes.readUInt32LE(at);
      const rowBytes = bytes.readUInt32LE(at + 4);
      const from = at + CHUNK_HEAD_BYTES;
      const rowAt = from + recordBytes;
      placeRecord(bytes, from, this.#next++);
      if (rowBytes > 0 && hasRowHash(bytes, from)) {
        const digest = hash('sha256', bytes.subarray(rowAt, rowAt + rowBytes), 'binary');
        bytes.write(digest, from + ROW_HASH_AT, 'latin1');
      }
      const kept = bytes.readUInt32LE(at + 8) === 0 ? 0 : rowBytes;
      bytes.copy(into, recordAt(to), from, rowAt + kept);
      sealEntry(into, to, recordBytes, kept);
      to += entryBytes(recordBytes, kept);
      at = rowAt + rowBytes;
    }
    this.#unsynced.push(into);
    this.#bytes += into.length;
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

function sizeOfEntries(bytes: Buffer): number {
  let size = 0;
  for (let at = 0; at < bytes.length; ) {
    const recordBytes = bytes.readUInt32LE(at);
    const rowBytes = bytes.readUInt32LE(at + 4);
    size += entryBytes(recordBytes, bytes.readUInt32LE(at + 8) === 0 ? 0 : rowBytes);
    at += CHUNK_HEAD_BYTES + recordBytes + rowBytes;
  }
  return size;
}

/** Entries of a block that {@link SegmentWriter.take} made. */
function countEntries(block: Buffer): number {
  let count = 0;
  for (let at = 0; at < block.length; count++)
    at += entryBytes(block.readUInt32LE(at + 4), block.readUInt32LE(at + 8));
  return count;
}
