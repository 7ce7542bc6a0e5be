import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { DieKey } from './die-key.js';
import type { GateRecord } from './record.js';

/**
 * Where in a sealed segment which die is: a head, then pairs of the CRC-32 of what a die is asked for by and the number of
 * its row, sorted. What is found here is only likely, and is looked at in the segment.
 */
const MAGIC = Buffer.from('diegidx1');
const HEAD_BYTES = 16;
const PAIR_BYTES = 8;

/** What a die is asked for by: its id or its place. */
type AskedDie = { readonly dieId: string } | { readonly key: DieKey };

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
function hashesOfRecord({ dieId, wafer, x, y }: GateRecord): number[] {
  const hashes: number[] = [];
  if (dieId !== undefined) hashes.push(idHash(dieId));
  if (wafer !== undefined && x !== undefined && y !== undefined) hashes.push(placeHash(wafer, x, y));
  return hashes;
}

/** The bytes of an index. */
export function indexBytes(records: Iterable<GateRecord>): Buffer {
  const pairs: bigint[] = [];
  let row = 0n;
  for (const record of records) {
    for (const hash of hashesOfRecord(record)) pairs.push((BigInt(hash) << 32n) | row);
    row++;
  }
  const sorted = BigUint64Array.from(pairs).sort();
  const bytes = Buffer.alloc(HEAD_BYTES + sorted.length * PAIR_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(sorted.length, 8);
  bytes.writeUInt32LE(crc32(new Uint8Array(sorted.buffer)), 12);
  sorted.forEach((pair, i) => {
    bytes.writeBigUInt64LE(pair, HEAD_BYTES + i * PAIR_BYTES);
  });
  return bytes;
}

/** Whether the bytes of an index are those that were written. */
export function isWholeIndex(bytes: Buffer): boolean {
  if (bytes.length < HEAD_BYTES || !bytes.subarray(0, 8).equals(MAGIC)) return false;
  const pairs = bytes.subarray(HEAD_BYTES);
  return pairs.length === bytes.readUInt32LE(8) * PAIR_BYTES && crc32(pairs) === bytes.readUInt32LE(12);
}

// Hashes are spread evenly, so a die is nearly always within so many pairs of where its hash says.
const PAIRS_AT_ONCE = 512;

/**
 * The rows that may be of a die: one or two short reads, whatever the size of the index.
 * @param bytes of the file
 */
export async function rowsInIndex(file: FileHandle, bytes: number, hash: number): Promise<number[]> {
  const pairs = (bytes - HEAD_BYTES) / PAIR_BYTES;
  let [low, high] = [0, pairs];
  let middle = Math.floor((hash / 2 ** 32) * pairs);
  // Halves what is left where the first guess is wrong.
  while (low < high) {
    const from = Math.max(low, Math.min(middle, high - 1) - PAIRS_AT_ONCE / 2);
    const window = await readPairs(file, from, Math.min(PAIRS_AT_ONCE, high - from));
    const first = window.findIndex((pair) => pair.hash >= hash);
    if (first === 0 && from > low) high = from + 1;
    else if (first === -1) low = from + window.length;
    else return collect(file, window, first, from, pairs, hash);
    middle = Math.floor((low + high) / 2);
  }
  return [];
}

interface IndexPair {
  readonly hash: number;
  readonly row: number;
}

/** The rows of all pairs of a hash, from the first on; a die that was sent very often goes over the window's end. */
async function collect(
  file: FileHandle,
  window: readonly IndexPair[],
  first: number,
  from: number,
  pairs: number,
  hash: number,
): Promise<number[]> {
  const rows: number[] = [];
  let [current, at, start] = [window, first, from];
  for (;;) {
    for (; at < current.length; at++) {
      const pair = current[at];
      if (pair?.hash !== hash) return rows;
      rows.push(pair.row);
    }
    start += current.length;
    if (start >= pairs) return rows;
    current = await readPairs(file, start, Math.min(PAIRS_AT_ONCE, pairs - start));
    at = 0;
  }
}

async function readPairs(file: FileHandle, from: number, count: number): Promise<IndexPair[]> {
  const bytes = Buffer.alloc(count * PAIR_BYTES);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, HEAD_BYTES + from * PAIR_BYTES);
  return Array.from({ length: Math.floor(bytesRead / PAIR_BYTES) }, (_, i) => ({
    hash: bytes.readUInt32LE(i * PAIR_BYTES + 4),
    row: bytes.readUInt32LE(i * PAIR_BYTES),
  }));
}
