import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { hashesOfRecord, hashOfAsked, rowsInIndex } from './index-file.js';
import { ENTRY_HEAD_BYTES, endOfEntry, HEAD_BYTES, readEntries, readSegmentHead } from './open-segment.js';
import { type AskedDie, type GateRecord, isOfDie } from './record.js';
import { decodeRecord } from './record-codec.js';
import { findSegments, segmentFile } from './segment-files.js';
import { openTable } from './table-file.js';

/** Rows that lie so near to one another are read at once. */
const NEAR_ROWS = 256;

/** Finds the records of a die in a folder, which may be written to meanwhile. Reads with the thread that it runs in. */
export class LookUp {
  readonly #folder: string;
  #open: OpenIndex | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * All records of a die, in their order.
   * @throws Error where the folder cannot be read
   */
  async find(asked: AskedDie): Promise<GateRecord[]> {
    const { sealed, open } = await findSegments(this.#folder);
    const hash = hashOfAsked(asked);
    const records: GateRecord[] = [];
    for (const segment of sealed) records.push(...(await this.#inSealed(segment, hash)));
    for (const segment of open) if (!sealed.includes(segment)) records.push(...this.#inOpen(segment, hash));
    return records.filter((record) => isOfDie(record, asked));
  }

  async #inSealed(segment: number, hash: number): Promise<GateRecord[]> {
    const rows = rowsOf(segmentFile(this.#folder, segment, 'index'), hash);
    const [first] = rows;
    if (first === undefined) return [];
    const table = await openTable(segmentFile(this.#folder, segment, 'parquet'));
    try {
      const found: GateRecord[] = [];
      for (let i = 0; i < rows.length; ) {
        const from = rows[i] ?? 0;
        let last = from;
        const wanted = new Set<number>();
        for (; i < rows.length && (rows[i] ?? 0) - last <= NEAR_ROWS; i++) {
          last = rows[i] ?? 0;
          wanted.add(last - from);
        }
        const read = await table.records(from, last + 1);
        found.push(...read.flatMap(({ record }, at) => (wanted.has(at) ? [record] : [])));
      }
      return found;
    } finally {
      table.close();
    }
  }

  #inOpen(segment: number, hash: number): GateRecord[] {
    if (this.#open?.segment !== segment)
      this.#open = new OpenIndex(segmentFile(this.#folder, segment, 'open'), segment);
    return this.#open.find(hash);
  }
}

/** @returns none for a segment whose records have left */
function rowsOf(path: string, hash: number): number[] {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  try {
    return rowsInIndex(fd, fstatSync(fd).size, hash);
  } finally {
    closeSync(fd);
  }
}

/** Where in an open segment which die is; reads only what has come since it was asked last. */
class OpenIndex {
  readonly segment: number;
  readonly #path: string;
  readonly #places = new Map<number, { readonly at: number; readonly bytes: number }[]>();
  #read = HEAD_BYTES;

  constructor(path: string, segment: number) {
    this.#path = path;
    this.segment = segment;
  }

  find(hash: number): GateRecord[] {
    let fd: number;
    try {
      fd = openSync(this.#path, 'r');
    } catch {
      // It has been sealed since the folder was looked at: who asks again finds it there.
      return [];
    }
    try {
      this.#follow(fd);
      return (this.#places.get(hash) ?? []).flatMap(({ at, bytes }) => {
        const record = decodeRecord(readAt(fd, at, bytes));
        return record === undefined ? [] : [record];
      });
    } finally {
      closeSync(fd);
    }
  }

  #follow(fd: number): void {
    const { size } = fstatSync(fd);
    if (size <= this.#read || readSegmentHead(readAt(fd, 0, HEAD_BYTES)) === undefined) return;
    const from = this.#read;
    const { entries } = readEntries(readAt(fd, from, size - from), 0, 0);
    for (const entry of entries) {
      const record = decodeRecord(entry.record);
      const at = from + entry.at + ENTRY_HEAD_BYTES;
      for (const hash of record === undefined ? [] : hashesOfRecord(record)) {
        const places = this.#places.get(hash) ?? [];
        places.push({ at, bytes: entry.record.length });
        this.#places.set(hash, places);
      }
      // What is being written now is read the next time.
      this.#read = from + endOfEntry(entry);
    }
  }
}

function readAt(fd: number, at: number, bytes: number): Buffer {
  const into = Buffer.alloc(bytes);
  return into.subarray(0, readSync(fd, into, 0, bytes, at));
}
