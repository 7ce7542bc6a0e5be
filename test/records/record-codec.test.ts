import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeRecord, recordBytes } from '../../src/records/record-codec.js';
import { anyRecord, dieRecord } from './records.js';

test('a record is read as it was written, and has the same bytes when it is written again', () => {
  fc.assert(
    fc.property(anyRecord, (record) => {
      const bytes = recordBytes(record);
      const read = decodeRecord(bytes);
      if (read === undefined) throw new Error('it is not read');
      expect(read).toEqual(record);
      expect(recordBytes(read).equals(bytes)).toBe(true);
    }),
  );
});

test('two records that differ in any field have different bytes', () => {
  const bytes = recordBytes(dieRecord());
  for (const change of [
    { lot: 'L2' },
    { lot: undefined },
    { lot: '' },
    { score: 0.26 },
    { kind: 'repeat' as const },
  ])
    expect(recordBytes(dieRecord(change)).equals(bytes)).toBe(false);
});

test('minus zero is zero: columns of tables do not tell them apart', () => {
  expect(decodeRecord(recordBytes(dieRecord({ score: -0 })))?.score).toBe(0);
});

test('a text that is too long is cut between characters', () => {
  const read = decodeRecord(recordBytes(dieRecord({ dieId: '€'.repeat(1000) })));
  expect(read?.dieId).toBe('€'.repeat(341));
});

test('bytes that are no record are not read', () => {
  const bytes = recordBytes(dieRecord());
  expect(decodeRecord(bytes.subarray(0, bytes.length - 1))).toBeUndefined();
  expect(decodeRecord(Buffer.concat([bytes, Buffer.alloc(1)]))).toBeUndefined();
  expect(decodeRecord(Buffer.alloc(20))).toBeUndefined();
});
