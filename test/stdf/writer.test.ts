import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StdfRecord } from '../../src/stdf/records.js';
import { encodeRecord, farOf, readStdf, writeStdf } from '../../src/stdf/stdf.js';
import { cutToBytes, readTextBytes, textBytes } from '../../src/stdf/text-bytes.js';
import { collect, fileOf, mir, mrr, prr, ptr, readAll } from './support.js';

const invalid = (text: string) =>
  expect.objectContaining({ code: 'invalid_data', message: expect.stringContaining(text) });

describe('a record that cannot be written is refused, by record and field', () => {
  it.each<[string, StdfRecord, string]>([
    ['a number out of range', prr(1, 256), 'Prr.SITE_NUM: 256 is no U1 (an integer from 0 to 255)'],
    ['a fraction where an integer belongs', prr(1, 0, { hardBin: 1.5 }), 'Prr.HARD_BIN: 1.5 is no U2'],
    ['a number that float32 cannot hold', ptr(1, 1e300), 'Ptr.RESULT: 1e+300 is too large for an R4'],
    [
      'a count that its array contradicts',
      { type: 'Rdr', numBins: 2, rtstBin: [1] },
      'Rdr.RTST_BIN: has 1 elements',
    ],
    ['two characters in a C1', { ...mir, modeCod: 'PE' }, 'Mir.MODE_COD: "PE" is not one character'],
    [
      'more than 65,535 bytes',
      {
        type: 'Gdr',
        fldCnt: 300,
        genData: Array.from({ length: 300 }, () => ({ code: 'Cn', value: 'x'.repeat(255) }) as const),
      },
      'a record has at most 65535',
    ],
  ])('%s', (_, record, words) => {
    expect(() => encodeRecord(record, 'little')).toThrow(invalid(words));
  });

  it('a file that does not begin with a FAR', async () => {
    await expect(collect(writeStdf([mir]))).rejects.toEqual(
      invalid('the first record is a Mir, expected a Far'),
    );
  });
});

describe('gaps', () => {
  it('an undefined field before one that is there gets its missing value', async () => {
    const { records } = await readAll(
      fileOf([
        mir,
        prr(1, 0, {
          softBin: undefined,
          xCoord: undefined,
          yCoord: undefined,
          testT: undefined,
          partId: '7',
        }),
        mrr,
      ]),
    );
    expect(records[2]).toMatchObject({
      softBin: 65535,
      xCoord: -32768,
      yCoord: -32768,
      testT: 0,
      partId: '7',
    });
  });

  it('without OPT_FLAG, limits that are not given are marked as none, given ones as valid', async () => {
    const { records } = await readAll(fileOf([mir, ptr(1, 0, { hiLimit: 2, units: 'V' }), mrr]));
    expect(records[2]).toMatchObject({ loLimit: 0, hiLimit: 2, optFlag: 0x5f });
  });

  it('a given OPT_FLAG gets the bit of the default for a limit that is not given, and keeps the rest', async () => {
    const { records } = await readAll(fileOf([mir, ptr(1, 0, { optFlag: 0x0e, hiLimit: 2 }), mrr]));
    expect(records[2]).toMatchObject({ optFlag: 0x1f, loLimit: 0, hiLimit: 2 });
  });
});

describe('text', () => {
  it('is cut at 255 bytes', async () => {
    const { records } = await readAll(fileOf([{ ...mir, lotId: 'x'.repeat(300) }, mrr]));
    expect(records[1]).toMatchObject({ lotId: 'x'.repeat(255) });
  });

  it('survives in any script, as Latin-1 where that is enough and as UTF-8 else', async () => {
    const texts = { lotId: '25 µm 電', partTyp: '25 µm', nodeNam: '\u00c2\u00b5 is no micro' };
    const { records } = await readAll(fileOf([{ ...mir, ...texts }, mrr]));
    expect(records[1]).toMatchObject(texts);
    expect([...textBytes('25 µ')]).toEqual([0x32, 0x35, 0x20, 0xb5]);
  });

  it('of any letters is read as it was written, cut between characters at 255 bytes', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)) }),
      fc.string({ unit: 'grapheme', minLength: 60, maxLength: 200 }),
    );
    fc.assert(
      fc.property(text, (written) => {
        const cut = cutToBytes(written, 255);
        const bytes = textBytes(cut);
        expect(bytes.length).toBeLessThanOrEqual(255);
        expect(written.startsWith(cut)).toBe(true);
        expect(readTextBytes(bytes, 0, bytes.length)).toBe(cut);
        if (textBytes(written).length <= 255) expect(cut).toBe(written);
      }),
    );
  });

  it('of a long DTR goes on in the next', async () => {
    const records = [farOf('little'), mir, { type: 'Dtr' as const, textDat: 'a'.repeat(600) }, mrr];
    const back = await collect(readStdf(writeStdf(records), { only: ['Dtr'] }));
    expect(back.map(({ textDat }) => textDat.length)).toEqual([255, 255, 90]);
  });

  it('of a long DTR in any script loses no character', async () => {
    const textDat = '電a'.repeat(300);
    const records = [farOf('little'), mir, { type: 'Dtr' as const, textDat }, mrr];
    const back = await collect(readStdf(writeStdf(records), { only: ['Dtr'] }));
    expect(back.map((record) => record.textDat).join('')).toBe(textDat);
  });
});

describe('a stream', () => {
  it('takes records only as fast as its bytes are taken', async () => {
    let taken = 0;
    async function* endless(): AsyncGenerator<StdfRecord, void, void> {
      yield farOf('little');
      for (;;) {
        taken++;
        yield { type: 'Dtr', textDat: 'x'.repeat(200) };
      }
    }
    for await (const chunk of writeStdf(endless())) {
      expect(chunk.length).toBeLessThan(70_000);
      break;
    }
    expect(taken).toBeLessThan(400);
  });

  it('is gzip where asked, plain else', async () => {
    const plain = Buffer.concat(await collect(writeStdf([farOf('big'), mir, mrr])));
    const packed = Buffer.concat(await collect(writeStdf([farOf('big'), mir, mrr], { gzip: true })));
    expect(gunzipSync(packed).equals(plain)).toBe(true);
  });

  it('packs nibbles two to a byte, the low one first', () => {
    const bytes = encodeRecord(
      {
        type: 'Mpr',
        testNum: 1,
        headNum: 1,
        siteNum: 0,
        testFlg: 0,
        parmFlg: 0,
        rtnIcnt: 3,
        rsltCnt: 0,
        rtnStat: [1, 2, 3],
      },
      'little',
    );
    expect([...bytes.subarray(-2)]).toEqual([0x21, 0x03]);
  });
});
