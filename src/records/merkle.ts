import { hash } from 'node:crypto';

/** Bytes of a hash. */
export const HASH_BYTES = 32;

const LEAF = 0;
const NODE = 1;
const EMPTY = Buffer.from(hash('sha256', '', 'hex'), 'hex');

// What is hashed is put together in memory that is kept: a segment has a million of them.
let scratch = Buffer.alloc(4096);

/**
 * Hash of a leaf: SHA-256(0x00 || bytes), RFC 6962 section 2.1.
 * @param into where it goes, at `at`; memory of its own if left out
 */
export function leafHash(bytes: Uint8Array, into: Buffer = Buffer.alloc(HASH_BYTES), at = 0): Buffer {
  const length = 1 + bytes.length;
  if (scratch.length < length) scratch = Buffer.alloc(2 * length);
  scratch[0] = LEAF;
  scratch.set(bytes, 1);
  into.write(hash('sha256', scratch.subarray(0, length), 'binary'), at, 'latin1');
  return into;
}

const pair = Buffer.alloc(1 + 2 * HASH_BYTES);

/** Hash of an inner node: SHA-256(0x01 || left || right). */
function nodeHash(left: Uint8Array, right: Uint8Array, into: Buffer, at: number): Buffer {
  pair[0] = NODE;
  pair.set(left, 1);
  pair.set(right, 1 + HASH_BYTES);
  into.write(hash('sha256', pair, 'binary'), at, 'latin1');
  return into;
}

/**
 * The Merkle tree hash of leaves, RFC 6962 section 2.1: by levels from below, where one that is left alone goes up as it is.
 * @param leaves their hashes, one behind another: [n × 32]
 */
export function merkleRoot(leaves: Buffer): Buffer {
  if (leaves.length === 0) return EMPTY;
  let level = leaves;
  while (level.length > HASH_BYTES) {
    const nodes = Math.ceil(level.length / HASH_BYTES / 2);
    const above = Buffer.alloc(nodes * HASH_BYTES);
    for (let i = 0; i < nodes; i++) {
      const from = 2 * i * HASH_BYTES;
      const left = level.subarray(from, from + HASH_BYTES);
      const right = level.subarray(from + HASH_BYTES, from + 2 * HASH_BYTES);
      if (right.length === 0) left.copy(above, i * HASH_BYTES);
      else nodeHash(left, right, above, i * HASH_BYTES);
    }
    level = above;
  }
  return level;
}

/**
 * The audit path of a leaf, from the bottom up, RFC 6962 section 2.1.1.
 * @param leaves their hashes, one behind another: [n × 32]
 */
export function inclusionProof(leaves: Buffer, index: number): Buffer[] {
  const path: Buffer[] = [];
  let from = 0;
  let to = leaves.length / HASH_BYTES;
  if (!(index >= 0 && index < to)) throw new Error(`there is no leaf ${index} of ${to}`);
  while (to - from > 1) {
    const middle = from + splitOfTree(to - from);
    if (index < middle) {
      path.push(merkleRoot(leaves.subarray(middle * HASH_BYTES, to * HASH_BYTES)));
      to = middle;
    } else {
      path.push(merkleRoot(leaves.subarray(from * HASH_BYTES, middle * HASH_BYTES)));
      from = middle;
    }
  }
  return path.reverse();
}

/**
 * The root that a leaf and its audit path lead to, RFC 9162 section 2.1.3.2.
 * @returns undefined where the path has not the length that the tree asks for
 */
export function rootFromProof(
  leaf: Buffer,
  index: number,
  size: number,
  path: readonly Buffer[],
): Buffer | undefined {
  if (!(Number.isSafeInteger(index) && index >= 0 && index < size)) return undefined;
  let root = leaf;
  let at = index;
  let last = size - 1;
  for (const sibling of path) {
    if (last === 0) return undefined;
    if (at % 2 === 1 || at === last) {
      root = nodeHash(sibling, root, Buffer.alloc(HASH_BYTES), 0);
      while (at % 2 === 0 && at !== 0) {
        at /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      root = nodeHash(root, sibling, Buffer.alloc(HASH_BYTES), 0);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? root : undefined;
}

/** The largest power of two below a number of leaves, which is at least 2. */
function splitOfTree(leaves: number): number {
  return 2 ** Math.floor(Math.log2(leaves - 1));
}
