import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ByteOrder, RawRecord, StdfRecord } from '../../src/stdf/records.js';
import { assembleParts, createParser } from '../../src/stdf/stdf.js';
import { anyRecord, chunksOf, collect, fileOf, mir, mrr, pir, prr, ptr, streamOf } from './support.js';

const scales = { alarmId: '', resScal: 3, llmScal: 0, hlmScal: 0 };

const lotOf = (lotId: string, parts: number): StdfRecord[] => [
  { ...mir, lotId },
  ...Array.from({ length: parts }, (_, i) => [
    pir(1, 0),
    ptr(7, i + 0.5, { testTxt: 'vdd', optFlag: 0x0e, ...scales, loLimit: 0, hiLimit: 9, units: 'V' }),
    ptr(8, -i),
    prr(1, 0, { xCoord: i, yCoord: 2, partId: String(i + 1) }),
  ]).flat(),
  mrr,
];

/** Every record of these bytes, pushed in chunks of this size. */
function read(bytes: Uint8Array, chunk = bytes.length) {
  const parser = createParser({ raw: true });
  const records: (StdfRecord | RawRecord)[] = [];
  for (let at = 0; at < bytes.length; at += chunk) parser.push(bytes.subarray(at, at + chunk), records);
  parser.end(records);
  return { records, report: parser.report() };
}

const orders = fc.constantFrom<ByteOrder>('little', 'big');

describe('files that were put one behind the other', () => {
  it('are read as what they are, each in its own byte order, however the bytes come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(orders, fc.integer({ min: 0, max: 4 })), { minLength: 2, maxLength: 5 }),
        fc.integer({ min: 1, max: 300 }),
        (files, chunk) => {
          const lots = files.map(([order, parts], i) => ({ order, records: lotOf(`LOT-${i}`, parts) }));
          const bytes = Buffer.concat(lots.map(({ order, records }) => fileOf(records, order)));
          const { records, report } = read(bytes, chunk);
          expect(records.filter(({ type }) => type !== 'Far')).toEqual(lots.flatMap((lot) => lot.records));
          expect(report.damage).toEqual([]);
          expect(report.counts.Far).toBe(lots.length);
          const used = new Set(files.map(([order]) => order));
          expect(report.byteOrder).toBe(used.size === 2 ? 'mixed' : files[0]?.[0]);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('are found again where the first was cut, or padded with zeros, whatever the order of the second', () => {
    fc.assert(
      fc.property(
        orders,
        orders,
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 0, max: 600 }),
        (first, second, cut, zeros) => {
          const whole = fileOf(lotOf('A', 3), first);
          const after = lotOf('B', 3);
          const bytes = [whole.subarray(0, whole.length - cut), Buffer.alloc(zeros), fileOf(after, second)];
          const { records } = read(Buffer.concat(bytes), 100);
          expect(records.slice(-after.length)).toEqual(after);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('give the parts of each lot with its values', async () => {
    const bytes = Buffer.concat([fileOf(lotOf('A', 3), 'big'), fileOf(lotOf('B', 2), 'little')]);
    const stream = assembleParts(chunksOf(bytes, 50));
    const parts = await collect(stream);
    expect(parts.map(({ lot, results }) => [lot, [...results.values]])).toEqual([
      [0, [0.5, -0]],
      [0, [1.5, -1]],
      [0, [2.5, -2]],
      [1, [0.5, -0]],
      [1, [1.5, -1]],
    ]);
    expect(stream.lots().map((lot) => lot.mir?.lotId)).toEqual(['A', 'B']);
  });

  it('stop with a reason where one has numbers in VAX format: they would be read as others', async () => {
    const vax = fileOf(lotOf('B', 1));
    vax[4] = 0;
    const first = fileOf(lotOf('A', 1));
    await expect(collect(assembleParts(streamOf(first, vax)))).rejects.toMatchObject({
      problems: [expect.stringContaining(`CPU_TYPE 0 at byte ${first.length}: numbers in VAX format`)],
    });
  });

  it('are told by a whole FAR only: data that looks like half of one changes nothing', () => {
    const half = fc.constantFrom(
      [0, 2, 0, 10, 1, 3],
      [0, 2, 0, 10, 7, 4],
      [2, 0, 0, 10, 255, 4],
      [2, 0, 0, 10, 2, 5],
      [0, 2, 0, 10],
    );
    fc.assert(
      fc.property(orders, half, fc.uint8Array({ maxLength: 40 }), (order, far, after) => {
        const bytes = Uint8Array.from([...far, ...after]);
        const before = [mir, { type: 'Raw', typ: 220, sub: 7, bytes } as const, mrr];
        const { records, report } = read(fileOf(before, order));
        expect(records.slice(1)).toEqual(before);
        expect(report.byteOrder).toBe(order);
      }),
      { numRuns: 200 },
    );
  });

  it('are told at the boundary of a record only: a whole FAR inside one is data', () => {
    fc.assert(
      fc.property(
        orders,
        fc.constantFrom([0, 2, 0, 10, 1, 4], [2, 0, 0, 10, 2, 4]),
        fc.array(
          anyRecord.filter(({ type, extra }) => type !== 'Far' && extra === undefined),
          { maxLength: 5 },
        ),
        (order, far, others) => {
          const dtr = { type: 'Dtr', textDat: String.fromCharCode(65, ...far, 65) } as const;
          const all = [mir, ...others, dtr, ...others, mrr];
          const { records, report } = read(fileOf(all, order));
          expect(records.slice(1)).toEqual(all);
          expect(report.byteOrder).toBe(order);
        },
      ),
      { numRuns: 200 },
    );
  });
});
