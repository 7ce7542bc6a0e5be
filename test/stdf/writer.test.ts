import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { StdfRecord } from '../../src/stdf/records.js';
import { encodeRecord, farOf, readStdf, writeStdf } from '../../src/stdf/stdf.js';
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

  it('outside Latin-1 becomes a question mark, inside it survives', async () => {
    const { records } = await readAll(fileOf([{ ...mir, lotId: '25 µm 電' }, mrr]));
    expect(records[1]).toMatchObject({ lotId: '25 µm ?' });
  });

  it('of a long DTR goes on in the next', async () => {
    const records = [farOf('little'), mir, { type: 'Dtr' as const, textDat: 'a'.repeat(600) }, mrr];
    const back = await collect(readStdf(writeStdf(records), { only: ['Dtr'] }));
    expect(back.map(({ textDat }) => textDat.length)).toEqual([255, 255, 90]);
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
