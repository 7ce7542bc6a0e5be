import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { joined, PieceJoiner } from '../../../src/rows/decode/pieces.js';

const pieces = fc.array(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  { maxLength: 6 },
);

describe('pieces', () => {
  test('joined are their bytes in order, whatever was joined before', () => {
    const joiner = new PieceJoiner();
    fc.assert(
      fc.property(pieces, (some) => {
        const expected = Buffer.concat(some);
        expect(joined(some).equals(expected)).toBe(true);
        expect(joiner.join(some).equals(expected)).toBe(true);
      }),
    );
  });

  test('that are one are not copied', () => {
    const only = Buffer.from('abc');
    expect(joined([only])).toBe(only);
    expect(new PieceJoiner().join([only])).toBe(only);
  });

  test('are joined in memory that is used again, but for what is very large', () => {
    const joiner = new PieceJoiner();
    const half = Buffer.alloc(100_000, 'a');
    const first = joiner.join([half, half]);
    expect(joiner.join([half, half.subarray(1)]).buffer).toBe(first.buffer);
    const large = joiner.join([Buffer.alloc(1024 * 1024, 'b'), half]);
    expect(large.length).toBe(1024 * 1024 + 100_000);
    expect(large.buffer).not.toBe(first.buffer);
    expect(joiner.join([half, half]).buffer).toBe(first.buffer);
  });
});
