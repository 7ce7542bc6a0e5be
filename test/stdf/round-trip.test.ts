import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordNames } from '../../src/stdf/layout.js';
import type { RawRecord, StdfRecord } from '../../src/stdf/records.js';
import { createParser, readStdf, writeStdf } from '../../src/stdf/stdf.js';
import {
  anyRecord,
  chunksOf,
  collect,
  fileOf,
  lot2,
  lot2Missing,
  mir,
  mrr,
  readAll,
  recordOf,
  streamOf,
} from './support.js';

const orders = ['little', 'big'] as const;

describe('what is written and read back', () => {
  for (const name of recordNames().filter((name) => name !== 'Far')) {
    for (const order of orders) {
      it(`is identical: any ${name}, ${order}-endian, whatever is absent from its end`, () => {
        fc.assert(
          fc.property(recordOf(name), (record) => {
            const parser = createParser({ raw: true });
            const file = fileOf([mir, record, mrr], order);
            const records: (StdfRecord | RawRecord)[] = [];
            parser.push(file, records);
            parser.end(records);
            expect(records.slice(1)).toEqual([mir, record, mrr]);
            expect(fileOf(records.slice(1), order).equals(file)).toBe(true);
          }),
          { numRuns: 60 },
        );
      });
    }
  }

  it('keeps absent apart from empty', async () => {
    const { records } = await readAll(fileOf([mir, { type: 'Mrr', finishT: 3, dispCod: ' ', usrDesc: '' }]));
    expect(records[2]).toMatchObject({ dispCod: ' ', usrDesc: '', excDesc: undefined });
  });

  it('is identical through gzip, any chunking and either byte order, for whole files', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          anyRecord.filter(({ type }) => type !== 'Far'),
          { maxLength: 20 },
        ),
        fc.constantFrom(...orders),
        fc.integer({ min: 1, max: 400 }),
        fc.boolean(),
        async (records, byteOrder, chunk, gzip) => {
          const all = [
            { type: 'Far' as const, cpuType: byteOrder === 'big' ? 1 : 2, stdfVer: 4 },
            mir,
            ...records,
            mrr,
          ];
          const bytes = Buffer.concat(await collect(writeStdf(all, { byteOrder, gzip })));
          const back = await collect(readStdf(chunksOf(bytes, chunk)));
          expect(back).toEqual(all);
        },
      ),
      { numRuns: 60 },
    );
  });

  it.skipIf(lot2Missing)(
    `is identical byte for byte: the real lot${lot2Missing ? ` (${lot2Missing})` : ''}`,
    async () => {
      const plain = lot2();
      const written = Buffer.concat(await collect(writeStdf(readStdf(streamOf(plain)))));
      expect(written.equals(plain)).toBe(true);
    },
  );

  it.skipIf(lot2Missing)(
    'is the same records after the real lot went from big to little-endian and back',
    async () => {
      const plain = lot2();
      const little = Buffer.concat(
        await collect(writeStdf(readStdf(streamOf(plain)), { byteOrder: 'little' })),
      );
      expect(little[0]).toBe(2);
      const again = Buffer.concat(await collect(writeStdf(readStdf(streamOf(little)), { byteOrder: 'big' })));
      expect(again.equals(plain)).toBe(true);
    },
  );
});
