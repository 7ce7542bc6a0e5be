import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { camel } from '../../src/stdf/field-types.js';
import { recordNames } from '../../src/stdf/layout.js';
import { describeReport, encodeRecord, known, readStdf } from '../../src/stdf/stdf.js';
import { chunksOf, collect, fileOf, mir, mrr, pir, prr, ptr, readAll, streamOf } from './support.js';

const lot = [mir, pir(1, 0), ptr(10, 0.5, { testTxt: 'vdd' }), prr(1, 0, { partId: '1' }), mrr];

describe('record tables', () => {
  it('are the 25 record types of STDF V4', () => {
    expect(recordNames().length).toBe(25);
  });

  it('give fields the names of the standard, in camel case', () => {
    expect(['HARD_BIN', 'PART_FLG', 'C_RESFMT', 'RESULT', 'X_COORD'].map(camel)).toEqual([
      'hardBin',
      'partFlg',
      'cResfmt',
      'result',
      'xCoord',
    ]);
  });
});

describe('reading', () => {
  it.each(['little', 'big'] as const)(
    'gives typed records, %s-endian, whatever the chunks are',
    async (order) => {
      const file = fileOf(lot, order);
      const whole = await collect(readStdf(streamOf(file)));
      expect(whole.slice(1)).toEqual(lot);
      for (const size of [1, 2, 3, 5, 7, 64]) {
        expect(await collect(readStdf(chunksOf(file, size)))).toEqual(whole);
      }
    },
  );

  it('reads gzip by its magic, also cut into single bytes and made of joined members', async () => {
    const file = fileOf(lot);
    const packed = Buffer.concat([gzipSync(file.subarray(0, 40)), gzipSync(file.subarray(40))]);
    expect((await collect(readStdf(chunksOf(packed, 1)))).slice(1)).toEqual(lot);
  });

  it('delivers only the types that are asked for, and counts the others', async () => {
    const reader = readStdf(streamOf(fileOf(lot)), { only: ['Prr'] });
    const records = await collect(reader);
    expect(records.map(({ hardBin }) => hardBin)).toEqual([1]);
    expect(reader.report().counts).toEqual({ Far: 1, Mir: 1, Mrr: 1, Pir: 1, Prr: 1, Ptr: 1 });
  });

  it('delivers the same one by one and in batches', async () => {
    const file = fileOf(lot);
    const batches = await collect(readStdf(streamOf(file)).batches());
    expect(batches.flat()).toEqual(await collect(readStdf(streamOf(file))));
  });

  it('reads a chunk only when records are taken, and closes the source when it is left', async () => {
    let chunks = 0;
    let closed = false;
    const file = fileOf(lot);
    async function* endless(): AsyncGenerator<Uint8Array, void, void> {
      try {
        yield file.subarray(0, -8);
        for (;;) {
          chunks++;
          yield Buffer.concat(Array.from({ length: 100 }, () => encodeRecord(ptr(1, 1), 'little')));
        }
      } finally {
        closed = true;
      }
    }
    let taken = 0;
    for await (const _ of readStdf(endless())) if (++taken === 250) break;
    expect(chunks).toBeLessThan(5);
    expect(closed).toBe(true);
  });

  it('throws an error of the source as it is', async () => {
    async function* failing(): AsyncGenerator<Uint8Array, void, void> {
      yield fileOf(lot);
      throw new Error('disk is gone');
    }
    await expect(collect(readStdf(failing()))).rejects.toThrow('disk is gone');
  });
});

describe('unknown records', () => {
  const vendor = { type: 'Raw', typ: 180, sub: 7, bytes: new Uint8Array([1, 2, 3]) } as const;
  const vur = { type: 'Raw', typ: 0, sub: 30, bytes: new Uint8Array([3, 65, 66, 67]) } as const;

  it('are skipped and counted, and are no damage', async () => {
    const file = fileOf([vur, mir, vendor, vendor, pir(1, 0), prr(1, 0), vendor, mrr]);
    const reader = readStdf(streamOf(file));
    const records = await collect(reader);
    expect(records.map(({ type }) => type)).toEqual(['Far', 'Mir', 'Pir', 'Prr', 'Mrr']);
    expect(reader.report()).toMatchObject({ intact: true, records: 9 });
    expect(describeReport(reader.report())).toEqual([
      'skipped 1 record Vur (V4-2007), first at byte 6: which additions to V4 the file uses',
      expect.stringContaining('skipped 3 records of unknown type 180/7, first at byte '),
    ]);
  });

  it('are kept as bytes where asked, so that a copy changes nothing', async () => {
    const file = fileOf([vur, mir, vendor, mrr]);
    const { records } = await readAll(file);
    expect(fileOf(records.slice(1)).equals(file)).toBe(true);
  });

  it('may be a whole file of them', async () => {
    const many = Array.from({ length: 20_000 }, () => vendor);
    const { report } = await readAll(fileOf([mir, ...many, mrr]));
    expect(report).toMatchObject({ intact: true, records: 20_003 });
  });
});

describe('missing values', () => {
  it('are absent, empty, reserved or flagged', () => {
    const part = prr(1, 0, { softBin: 65535, xCoord: -32768, yCoord: -5, partId: '' });
    expect([known(part, 'softBin'), known(part, 'xCoord'), known(part, 'yCoord')]).toEqual([
      undefined,
      undefined,
      -5,
    ]);
    expect([known(part, 'partId'), known(part, 'partTxt'), known(part, 'hardBin')]).toEqual([
      undefined,
      undefined,
      1,
    ]);
    const test = ptr(1, 1, { optFlag: 0x4e, loLimit: 0, hiLimit: 2 });
    expect([known(test, 'loLimit'), known(test, 'hiLimit')]).toEqual([undefined, 2]);
    expect(known({ ...mir, modeCod: '\0' }, 'modeCod')).toBeUndefined();
  });
});
