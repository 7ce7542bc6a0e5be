import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArrivingBody, ArrivingBytes } from '../../src/rows/arriving-bytes.js';

const FREE = 65_536;

describe('a body that arrives', () => {
  test('has its first 64 KB for nothing, and shares the memory for what comes behind them', () => {
    const shared = new ArrivingBytes(100_000);
    const body = new ArrivingBody(shared);
    expect(body.add(Buffer.alloc(FREE))).toBe(true);
    expect(shared.taken).toBe(0);
    expect(body.add(Buffer.alloc(60_000))).toBe(true);
    expect(shared.taken).toBe(60_000);
    expect(body.bytes).toBe(FREE + 60_000);
    expect(body.pieces.map(({ length }) => length)).toEqual([FREE, 60_000]);
  });

  test('is told where there is no room for a piece, which takes none then', () => {
    const shared = new ArrivingBytes(100_000);
    const [one, other] = [new ArrivingBody(shared), new ArrivingBody(shared)];
    one.add(Buffer.alloc(FREE));
    one.add(Buffer.alloc(90_000));
    other.add(Buffer.alloc(FREE));
    expect(other.add(Buffer.alloc(20_000))).toBe(false);
    expect([shared.taken, other.bytes]).toEqual([90_000, FREE + 20_000]);
    one.settle();
    expect(other.add(Buffer.alloc(20_000))).toBe(true);
    expect(shared.taken).toBe(20_000);
  });

  test('gives back what it has taken, once', () => {
    const shared = new ArrivingBytes(100_000);
    const body = new ArrivingBody(shared);
    body.add(Buffer.alloc(FREE + 1));
    body.settle();
    body.settle();
    expect(shared.taken).toBe(0);
  });

  test('gathers small pieces in blocks of 64 KB, however it is cut', () => {
    const sizes = fc.array(fc.oneof(fc.nat({ max: 2_000 }), fc.nat({ max: 40_000 })), { maxLength: 60 });
    fc.assert(
      fc.property(sizes, (lengths) => {
        const body = new ArrivingBody(new ArrivingBytes(100_000_000));
        const pieces = lengths.map((length, i) => Buffer.alloc(length, i + 1));
        for (const piece of pieces) body.add(piece);
        const bytes = Buffer.concat(pieces);
        expect(Buffer.concat([...body.pieces]).equals(bytes)).toBe(true);
        // The first, those that are large, and a block behind each of these and behind each full one.
        const large = lengths.filter((length) => length >= 16_384).length;
        expect(body.pieces.length).toBeLessThanOrEqual(2 + 2 * large + bytes.length / 32_768);
      }),
    );
  });
});
