import { readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { AskedDie, GateRecord } from './record.js';

/**
 * Where in a sealed segment which die is: a head, then pairs of the CRC-32 of what a die is asked for by and the number of
 * its row, sorted. What is found here is only likely, and is looked at in the segment.
 */
const MAGIC = Buffer.from('diegidx1');
const HEAD_BYTES = 16;
const PAIR_BYTES = 8;

function idHash(dieId: string): number {
  return crc32(`id\n${dieId}`);
}

function placeHash(wafer: string, x: number, y: number): number {
  return crc32(`at\n${wafer}\n${x}\n${y}`);
}

/** The hash that a die is found under. */
export function hashOfAsked(asked: AskedDie): number {
  return 'dieId' in asked ? idHash(asked.dieId) : placeHash(asked.key.wafer, asked.key.x, asked.key.y);
}

/** The hashes that a record is to be found under. */
export function hashesOfRecord({ dieId, wafer, x, y }: GateRecord): number[] {
  const hashes: number[] = [];
  if (dieId !== undefined) hashes.push(idHash(dieId));
  if (wafer !== undefined && x !== undefined && y !== undefined) hashes.push(placeHash(wafer, x, y));
  return hashes;
}

/** Gathers what an index is made of, record by record in their order. */
export class IndexBuilder {
  readonly #pairs: number[] = [];
  #row = 0;

  add(record: GateRecord): void {
    for (const hash of hashesOfRecord(record)) this.#pairs.push(hash, this.#row);
    this.#row++;
  }

  /** The bytes of the index. */
  bytes(): Buffer {
    const pairs = new BigUint64Array(this.#pairs.length / 2);
    const halves = new Uint32Array(pairs.buffer);
    // Little-endian: the hash is the upper half, by which they are sorted first.
    for (let i = 0; i < halves.length; i += 2) {
      halves[i] = this.#pairs[i + 1] ?? 0;
      halves[i + 1] = this.#pairs[i] ?? 0;
    }
    pairs.sort();
    const bytes = Buffer.alloc(HEAD_BYTES + pairs.byteLength);
    MAGIC.copy(bytes);
    bytes.writeUInt32LE(pairs.length, 8);
    bytes.set(new Uint8Array(pairs.buffer), HEAD_BYTES);
    bytes.writeUInt32LE(crc32(bytes.subarray(HEAD_BYTES)), 12);
    return bytes;
  }
}

/** The bytes of the index of some records. */
export function indexBytes(records: Iterable<GateRecord>): Buffer {
  const index = new IndexBuilder();
  for (const record of records) index.add(record);
  return index.bytes();
}

// Hashes are spread evenly, so a die is nearly always within so many pairs of where its hash says.
const PAIRS_AT_ONCE = 512;

/**
 * The rows that may be of a die: one or two short reads, whatever the size of the index.
 * @param bytes of the file
 */
export function rowsInIndex(fd: number, bytes: number, hash: number): number[] {
  const pairs = Math.floor((bytes - HEAD_BYTES) / PAIR_BYTES);
  let [low, high] = [0, pairs];
  let middle = Math.floor((hash / 2 ** 32) * pairs);
  // Halves what is left where the first guess is wrong.
  while (low < high) {
    const from = Math.max(low, Math.min(middle, high - 1) - PAIRS_AT_ONCE / 2);
    const window = readPairs(fd, from, Math.min(PAIRS_AT_ONCE, high - from));
    const first = window.findIndex((pair) => pair.hash >= hash);
    if (first === 0 && from > low) high = from + 1;
    else if (first === -1) low = from + Math.max(1, window.length);
    else return collect(fd, window, first, from, pairs, hash);
    middle = Math.floor((low + high) / 2);
  }
  return [];
}

interface IndexPair {
  readonly hash: number;
  readonly row: number;
}

/** The rows of all pairs of a hash, from the first on; a die that was sent very often goes over the window's end. */
function collect(
  fd: number,
  window: readonly IndexPair[],
  first: number,
  from: number,
  pairs: number,
  hash: number,
): number[] {
  const rows: number[] = [];
  let [current, at, start] = [window, first, from];
  for (;;) {
    for (; at < current.length; at++) {
      const pair = current[at];
      if (pair?.hash !== hash) return rows;
      rows.push(pair.row);
    }
    start += current.length;
    if (start >= pairs || current.length === 0) return rows;
    current = readPairs(fd, start, Math.min(PAIRS_AT_ONCE, pairs - start));
    at = 0;
  }
}

function readPairs(fd: number, from: number, count: number): IndexPair[] {
  const bytes = Buffer.alloc(count * PAIR_BYTES);
  const bytesRead = readSync(fd, bytes, 0, bytes.length, HEAD_BYTES + from * PAIR_BYTES);
  return Array.from({ length: Math.floor(bytesRead / PAIR_BYTES) }, (_, i) => ({
    hash: bytes.readUInt32LE(i * PAIR_BYTES + 4),
    row: bytes.readUInt32LE(i * PAIR_BYTES),
  }));
}
