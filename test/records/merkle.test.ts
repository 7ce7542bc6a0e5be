import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inclusionProof, leafHash, merkleRoot, rootFromProof } from '../../src/records/merkle.js';

const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest();

/** The definition of RFC 6962, section 2.1, word by word. */
function treeHash(data: readonly Uint8Array[]): Buffer {
  if (data.length === 0) return sha256();
  if (data.length === 1) return sha256(Buffer.from([0]), data[0] ?? Buffer.alloc(0));
  let k = 1;
  while (2 * k < data.length) k *= 2;
  return sha256(Buffer.from([1]), treeHash(data.slice(0, k)), treeHash(data.slice(k)));
}

/** PATH of section 2.1.1. */
function path(m: number, data: readonly Uint8Array[]): Buffer[] {
  if (data.length === 1) return [];
  let k = 1;
  while (2 * k < data.length) k *= 2;
  return m < k
    ? [...path(m, data.slice(0, k)), treeHash(data.slice(k))]
    : [...path(m - k, data.slice(k)), treeHash(data.slice(0, k))];
}

const leavesOf = (data: readonly Uint8Array[]) => Buffer.concat(data.map((one) => leafHash(one)));
const anyData = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 70 });

describe('the Merkle tree', () => {
  test('has the roots of the test vectors of Certificate Transparency', () => {
    const inputs = [
      '',
      '00',
      '10',
      '2021',
      '3031',
      '40414243',
      '5051525354555657',
      '606162636465666768696a6b6c6d6e6f',
    ];
    const data = inputs.map((hex) => Buffer.from(hex, 'hex'));
    const roots = [1, 2, 3, 8].map((size) => merkleRoot(leavesOf(data.slice(0, size))).toString('hex'));
    expect(roots).toEqual([
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
      'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
      '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
    ]);
    expect(merkleRoot(Buffer.alloc(0)).toString('hex')).toBe(sha256().toString('hex'));
  });

  test('has the root and the paths that RFC 6962 defines', () => {
    fc.assert(
      fc.property(anyData, fc.nat(), (data, pick) => {
        const index = pick % data.length;
        const leaves = leavesOf(data);
        expect(merkleRoot(leaves).equals(treeHash(data))).toBe(true);
        expect(inclusionProof(leaves, index)).toEqual(path(index, data));
      }),
    );
  });

  test('a path leads from its leaf to the root, and from nothing else', () => {
    fc.assert(
      fc.property(anyData, fc.nat(), (data, pick) => {
        const index = pick % data.length;
        const leaves = leavesOf(data);
        const root = merkleRoot(leaves);
        const proof = inclusionProof(leaves, index);
        const leaf = leafHash(data[index] ?? Buffer.alloc(0));
        expect(rootFromProof(leaf, index, data.length, proof)?.equals(root)).toBe(true);
        expect(
          rootFromProof(leafHash(Buffer.from('other')), index, data.length, proof)?.equals(root) ?? false,
        ).toBe(false);
        expect(rootFromProof(leaf, index, data.length, [...proof, leaf])).toBeUndefined();
        if (proof.length > 0)
          expect(rootFromProof(leaf, index, data.length, proof.slice(1))?.equals(root) ?? false).toBe(false);
        expect(rootFromProof(leaf, data.length, data.length, proof)).toBeUndefined();
      }),
    );
  });
});
