import { expect, test } from 'vitest';
import { murmur3 } from '../../src/traffic/murmur3.js';

/** The text whose UTF-16LE bytes are these. */
function textOf(...bytes: readonly number[]): string {
  return Buffer.from(bytes).toString('utf16le');
}

const ascii = (text: string) => textOf(...Buffer.from(text, 'latin1'));

test.each([
  ['nothing', textOf(), 0, 0],
  ['nothing, seed 1', textOf(), 1, 0x514e28b7],
  ['nothing, seed 0xffffffff', textOf(), 0xffffffff, 0x81f16f39],
  ['ff ff ff ff', textOf(0xff, 0xff, 0xff, 0xff), 0, 0x76293b50],
  ['21 43 65 87', textOf(0x21, 0x43, 0x65, 0x87), 0, 0xf55b516b],
  ['21 43 65 87, another seed', textOf(0x21, 0x43, 0x65, 0x87), 0x5082edee, 0x2362f9de],
  ['21 43', textOf(0x21, 0x43), 0, 0xa0f7b07a],
  ['00 00 00 00', textOf(0, 0, 0, 0), 0, 0x2362f9de],
  ['00 00', textOf(0, 0), 0, 0x30f4c306],
  ['"aaaa"', ascii('aaaa'), 0x9747b28c, 0x5a97808a],
  ['"aa"', ascii('aa'), 0x9747b28c, 0x5d211726],
  ['"abcd"', ascii('abcd'), 0x9747b28c, 0xf0478627],
  ['"ab"', ascii('ab'), 0x9747b28c, 0x74875592],
])('published value: %s', (_, text, seed, expected) => {
  expect(murmur3(text, seed)).toBe(expected);
});

test('any text has a hash, also one that is no valid Unicode', () => {
  expect(murmur3('\ud800', 0)).not.toBe(murmur3('\udc00', 0));
});
