import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ENTRY_HEAD_BYTES,
  entryBytes,
  HEAD_BYTES,
  RECORD_BYTES_AT,
  ROW_BYTES_AT,
  readSegmentBytes,
  sealEntry,
  segmentHead,
} from '../../src/records/open-segment.js';
import { decodeRecord, recordBytes } from '../../src/records/record-codec.js';
import { dieRecord } from './records.js';

function segmentOf(records: number, row = Buffer.alloc(0)): Buffer {
  const entries = Array.from({ length: records }, (_, i) => {
    const record = recordBytes(dieRecord({ sequence: 50 + i }));
    const entry = Buffer.alloc(entryBytes(record.length, row.length));
    entry.writeUInt32LE(record.length, RECORD_BYTES_AT);
    entry.writeUInt32LE(row.length, ROW_BYTES_AT);
    record.copy(entry, ENTRY_HEAD_BYTES);
    row.copy(entry, ENTRY_HEAD_BYTES + record.length);
    sealEntry(entry, 0, entry.length);
    return entry;
  });
  return Buffer.concat([segmentHead({ segment: 4, first: 50 }), ...entries]);
}

const sequencesIn = (bytes: Buffer) =>
  readSegmentBytes(bytes).entries.map(({ record }) => decodeRecord(record)?.sequence);

describe('an open segment', () => {
  test('holds its records and the rows that were kept', () => {
    const { head, entries, damages } = readSegmentBytes(segmentOf(3, Buffer.from('row!')));
    expect(head).toEqual({ segment: 4, first: 50 });
    expect(entries.map(({ row }) => String(row))).toEqual(['row!', 'row!', 'row!']);
    expect(damages).toEqual([]);
  });

  test('that was torn off anywhere holds every record before, and says so', () => {
    const whole = segmentOf(4);
    const size = (whole.length - HEAD_BYTES) / 4;
    fc.assert(
      fc.property(fc.integer({ min: HEAD_BYTES, max: whole.length - 1 }), (end) => {
        const kept = Math.floor((end - HEAD_BYTES) / size);
        const { entries, damages } = readSegmentBytes(whole.subarray(0, end));
        expect(entries).toHaveLength(kept);
        const torn = (end - HEAD_BYTES) % size;
        expect(damages).toEqual(
          torn === 0 ? [] : [{ from: end - torn, to: end, sequence: 50 + kept, isTail: true }],
        );
      }),
    );
  });

  test('with one flipped bit anywhere loses that record only, and names it', () => {
    const whole = segmentOf(4);
    const size = (whole.length - HEAD_BYTES) / 4;
    fc.assert(
      fc.property(fc.integer({ min: HEAD_BYTES * 8, max: whole.length * 8 - 1 }), (bit) => {
        const bytes = Buffer.from(whole);
        const at = bit >> 3;
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
        const hit = 50 + Math.floor((at - HEAD_BYTES) / size);
        expect(sequencesIn(bytes)).toEqual([50, 51, 52, 53].filter((sequence) => sequence !== hit));
        expect(readSegmentBytes(bytes).damages.map(({ sequence }) => sequence)).toEqual([hit]);
      }),
      { numRuns: 300 },
    );
  });

  test('with a flipped bit in its head has no head, and its records still', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: HEAD_BYTES * 8 - 1 }), (bit) => {
        const bytes = segmentOf(1);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(readSegmentBytes(bytes).head).toBeUndefined();
        expect(sequencesIn(bytes)).toEqual([50]);
      }),
    );
  });
});
