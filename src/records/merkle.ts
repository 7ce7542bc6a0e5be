import { hash } from 'node:crypto';

/** Bytes of a hash. */
export const HASH_BYTES = 32;

const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);
const EMPTY = Buffer.from(hash('sha256', '', 'hex'), 'hex');

/** Hash of a leaf: SHA-256(0x00 || bytes), RFC 6962 section 2.1. */
export function leafHash(bytes: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([LEAF, bytes]), 'buffer');
}

/** Hash of an inner node: SHA-256(0x01 || left || right). */
function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([NODE, left, right]), 'buffer');
}

/**
 * The Merkle tree hash of leaves, RFC 6962 section 2.1.
 * @param leaves their hashes, one behind another: [n × 32]
 */
export function merkleRoot(leaves: Buffer): Buffer {
  return rootOf(leaves, 0, leaves.length / HASH_BYTES);
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
      path.push(rootOf(leaves, middle, to));
      to = middle;
    } else {
      path.push(rootOf(leaves, from, middle));
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
      root = nodeHash(sibling, root);
      while (at % 2 === 0 && at !== 0) {
        at /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      root = nodeHash(root, sibling);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? root : undefined;
}

function rootOf(leaves: Buffer, from: number, to: number): Buffer {
  if (to === from) return EMPTY;
  if (to - from === 1) return leaves.subarray(from * HASH_BYTES, to * HASH_BYTES);
  const middle = from + splitOfTree(to - from);
  return nodeHash(rootOf(leaves, from, middle), rootOf(leaves, middle, to));
}

/** The largest power of two below a number of leaves, which is at least 2. */
function splitOfTree(leaves: number): number {
  return 2 ** Math.floor(Math.log2(leaves - 1));
}
