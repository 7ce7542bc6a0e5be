import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Http2Error } from '../../../../src/doors/grpc/http2/errors.js';
import { encodeHeaders, HeaderDecoder } from '../../../../src/doors/grpc/http2/hpack.js';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const decoder = (maxListBytes = 65_536) => new HeaderDecoder(maxListBytes);

const FIRST = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'www.example.com'],
];
const THIRD = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/index.html'],
  [':authority', 'www.example.com'],
  ['custom-key', 'custom-value'],
];

/** RFC 7541, appendix C.3 and C.4: three requests on one connection, plain and packed by Huffman's code. */
describe.each([
  [
    'plain',
    '828684410f7777772e6578616d706c652e636f6d',
    '828684be58086e6f2d6361636865',
    '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
  ],
  [
    'packed',
    '828684418cf1e3c2e5f23a6ba0ab90f4ff',
    '828684be5886a8eb10649cbf',
    '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
  ],
])('the examples of the standard, %s', (_, first, second, third) => {
  test('are read, each on what was sent before it', () => {
    const headers = decoder();
    expect(headers.decode(hex(first))).toEqual(FIRST);
    expect(headers.decode(hex(second))).toEqual([...FIRST, ['cache-control', 'no-cache']]);
    expect(headers.decode(hex(third))).toEqual(THIRD);
  });
});

test('a block that only names places is read anew once the table has changed', () => {
  const headers = decoder();
  headers.decode(hex('40 01 61 01 31'));
  expect(headers.decode(hex('be'))).toEqual([['a', '1']]);
  expect(headers.decode(hex('be'))).toEqual([['a', '1']]);
  headers.decode(hex('40 01 62 01 32'));
  expect(headers.decode(hex('be'))).toEqual([['b', '2']]);
});

test('the oldest fields leave a table that is full, and all leave one of size 0', () => {
  const headers = decoder();
  // Of 4,096 bytes: 32 for the field, 1 for its name.
  const large = encodeHeaders({ a: 'x'.repeat(4063) });
  large[0] = 0x40;
  headers.decode(hex('40 01 62 01 32'));
  headers.decode(large);
  expect(headers.decode(hex('be'))?.[0]?.[0]).toBe('a');
  expect(() => headers.decode(hex('bf'))).toThrow(Http2Error);
  expect(headers.decode(hex('20'))).toEqual([]);
  expect(() => headers.decode(hex('be'))).toThrow(Http2Error);
});

test('more fields than are taken are not given, but kept up with', () => {
  const headers = decoder(100);
  const large = encodeHeaders({ a: 'x'.repeat(200) });
  large[0] = 0x40;
  expect(headers.decode(large)).toBeUndefined();
  expect(headers.decode(hex('40 01 62 01 32'))).toEqual([['b', '2']]);
  expect(headers.decode(hex('be'))).toEqual([['b', '2']]);
});

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,40}$/);
const latin1 = fc.string({
  unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
  maxLength: 300,
});

test('what is written is read', () => {
  fc.assert(
    fc.property(fc.dictionary(name, latin1, { noNullPrototype: true }), (headers) => {
      expect(decoder().decode(encodeHeaders(headers))).toEqual(Object.entries(headers));
    }),
  );
});

test('any bytes are read or refused as no block, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 5 }), (blocks) => {
      const headers = decoder(2048);
      for (const block of blocks) {
        try {
          headers.decode(Buffer.from(block));
        } catch (error) {
          expect(error).toBeInstanceOf(Http2Error);
          return;
        }
      }
    }),
    { numRuns: 3000 },
  );
});
