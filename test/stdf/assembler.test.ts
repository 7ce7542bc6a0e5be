import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StdfRecord } from '../../src/stdf/records.js';
import { assembleParts, createPartAssembler, type Part } from '../../src/stdf/stdf.js';
import { collect, fileOf, mir, mrr, pir, prr, ptr, streamOf } from './support.js';

function assemble(records: readonly StdfRecord[]) {
  const assembler = createPartAssembler();
  const parts = records.flatMap((record) => assembler.push(record));
  parts.push(...assembler.end());
  const lots = assembler.lots();
  const [lot] = lots;
  if (lot === undefined) throw new Error('a file has a lot');
  return { parts, lot, lots };
}

const values = (part: Part | undefined) =>
  [...(part?.results ?? [])].map(({ test, value }) => [test.testNum, value]);
const site = (siteNum: number, testNum: number, result: number) => ptr(testNum, result, { siteNum });
const wir = (waferId: string | undefined): StdfRecord<'Wir'> => ({
  type: 'Wir',
  headNum: 1,
  siteGrp: 255,
  startT: 1,
  waferId,
});
const wrr = (waferId: string | undefined): StdfRecord<'Wrr'> => ({
  type: 'Wrr',
  headNum: 1,
  siteGrp: 255,
  finishT: 2,
  partCnt: 1,
  waferId,
});

describe('interleaved heads and sites', () => {
  it('become one part each, in the order in which they ended', () => {
    const { parts } = assemble([
      pir(1, 0),
      pir(1, 1),
      site(0, 1000, 1),
      site(1, 1000, 2),
      site(1, 1010, 3),
      site(0, 1010, 4),
      prr(1, 1, { partId: 'b' }),
      site(0, 1020, 5),
      prr(1, 0, { partId: 'a' }),
    ]);
    expect(parts.map(({ partId, index }) => [partId, index])).toEqual([
      ['b', 0],
      ['a', 1],
    ]);
    expect(values(parts[0])).toEqual([
      [1000, 2],
      [1010, 3],
    ]);
    expect(values(parts[1])).toEqual([
      [1000, 1],
      [1010, 4],
      [1020, 5],
    ]);
  });

  it('law: however the records of sites are interleaved, every part gets its own results', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: 1, max: 99 })), { maxLength: 6 }),
        fc.infiniteStream(fc.nat()),
        (sites, picks) => {
          const queues = sites.map((tests, siteNum) => [
            pir(2, siteNum),
            ...tests.map((testNum, i) => ptr(testNum, i, { headNum: 2, siteNum })),
            prr(2, siteNum, { partId: String(siteNum) }),
          ]);
          const records: StdfRecord[] = [];
          for (
            let left = queues.filter((q) => q.length > 0);
            left.length > 0;
            left = left.filter((q) => q.length > 0)
          ) {
            const record = left[Number(picks.next().value) % left.length]?.shift();
            if (record !== undefined) records.push(record);
          }
          const { parts } = assemble(records);
          expect(parts.length).toBe(sites.length);
          for (const part of parts) {
            expect(values(part)).toEqual(sites[Number(part.partId)]?.map((testNum, i) => [testNum, i]));
          }
        },
      ),
    );
  });

  it('the same site number on two heads is two sites', () => {
    const { parts } = assemble([pir(1, 0), pir(2, 0), ptr(1, 1, { headNum: 2 }), prr(1, 0), prr(2, 0)]);
    expect(parts.map(({ results }) => results.length)).toEqual([0, 1]);
  });
});

describe('parts that do not fit', () => {
  it('a second PIR on a site gives the first part out as not ended', () => {
    const { parts, lot } = assemble([pir(1, 0), ptr(1, 1), pir(1, 0), prr(1, 0)]);
    expect(parts.map(({ end }) => end)).toEqual(['not_ended', 'ended']);
    expect(lot.parts).toMatchObject({ total: 2, passed: 1, notEnded: 1, withResults: 1 });
  });

  it('what is open at the end of the file is not ended', () => {
    expect(assemble([pir(1, 0), ptr(1, 1)]).parts).toMatchObject([{ end: 'not_ended', verdict: 'none' }]);
  });

  it('results without a part are counted, declarations are not, both define their test', () => {
    const { lot } = assemble([ptr(1, 0, { testFlg: 0x10, units: 'V' }), ptr(2, 0)]);
    expect(lot.oddities.orphanResults).toBe(1);
    expect(lot.tests.map(({ testNum, display }) => [testNum, display.units])).toEqual([
      [1, 'V'],
      [2, ''],
    ]);
  });

  it('a PRR without a PIR is a part without results', () => {
    const { parts, lot } = assemble([prr(1, 0, { partId: '9' })]);
    expect(parts).toMatchObject([{ partId: '9', results: { length: 0 } }]);
    expect(lot.oddities.partsWithoutPir).toBe(1);
  });

  it('a section that only the PRR ends is counted', () => {
    const bps = { type: 'Bps' } as const;
    const { lot } = assemble([pir(1, 0), bps, { type: 'Eps' }, bps, prr(1, 0), { type: 'Eps' }]);
    expect(lot.oddities.unclosedSections).toBe(1);
  });
});

describe('results', () => {
  it('are usable without a bad flag and finite only; the verdict is another matter', () => {
    const { parts } = assemble([
      pir(1, 0),
      ptr(1, 1),
      ptr(2, 1, { testFlg: 0x80 }),
      ptr(3, 1, { testFlg: 0x81 }),
      ptr(4, 1, { parmFlg: 0x02 }),
      ptr(5, Number.NaN),
      ptr(6, 1, { testFlg: 0x40 }),
      prr(1, 0),
    ]);
    const results = [...(parts[0]?.results ?? [])];
    expect(results.map(({ usable, verdict, alarm }) => [usable, verdict, alarm])).toEqual([
      [true, 'pass', false],
      [true, 'fail', false],
      [false, 'fail', true],
      [false, 'pass', false],
      [false, 'pass', false],
      [true, 'none', false],
    ]);
  });

  it('of an MPR are one for each position, a test of its own; of an FTR a verdict alone', () => {
    const mpr = {
      type: 'Mpr',
      testNum: 7,
      headNum: 1,
      siteNum: 0,
      testFlg: 0,
      parmFlg: 0,
      rsltCnt: 2,
      rtnRslt: [1, Number.NaN],
    } as const;
    const ftr = { type: 'Ftr', testNum: 8, headNum: 1, siteNum: 0, testFlg: 0x80 } as const;
    const { parts } = assemble([pir(1, 0), mpr, ftr, prr(1, 0)]);
    expect([...(parts[0]?.results ?? [])]).toMatchObject([
      { value: 1, usable: true, verdict: 'pass', test: { index: 0, kind: 'Mpr', position: 1 } },
      { value: Number.NaN, usable: false, verdict: 'pass', test: { index: 1, kind: 'Mpr', position: 2 } },
      { value: Number.NaN, usable: false, verdict: 'fail', test: { kind: 'Ftr', position: undefined } },
    ]);
  });
});

describe('what a part says of being tested again', () => {
  it('is kept as its flags have it', () => {
    const { parts } = assemble([0, 0x01, 0x02].flatMap((partFlg) => [pir(1, 0), prr(1, 0, { partFlg })]));
    expect(parts.map(({ retestFlag }) => retestFlag)).toEqual([undefined, 'part_id', 'position']);
  });

  it('and which parts were on test together with it', () => {
    const { parts } = assemble([...[pir(1, 0), pir(1, 1), prr(1, 1), prr(1, 0)], ...[pir(1, 1), prr(1, 1)]]);
    expect(parts.map(({ index, openedAfter }) => [index, openedAfter])).toEqual([
      [0, 0],
      [1, 0],
      [2, 2],
    ]);
  });
});

describe('lots of a file', () => {
  const far = { type: 'Far', cpuType: 2, stdfVer: 4 } as const;
  const die = (testTxt: string) => [pir(1, 0), ptr(7, 1, { testTxt }), prr(1, 0)];

  it('are told apart by a second FAR or MIR; tests, wafers and counts are each lot’s own', () => {
    const { parts, lots } = assemble([
      ...[far, mir, wir('01'), ...die('A'), wrr('01'), mrr],
      ...[far, { ...mir, lotId: 'LOT-2' }, wir('01'), ...die('B'), ...die('B'), wrr('01'), mrr],
      ...[{ ...mir, lotId: 'LOT-3' }, ...die('C')],
    ]);
    expect(parts.map(({ index, lot, wafer }) => [index, lot, wafer?.index])).toEqual([
      [0, 0, 0],
      [1, 1, 0],
      [2, 1, 0],
      [3, 2, undefined],
    ]);
    expect(parts.map(({ results }) => results.test(0).testTxt)).toEqual(['A', 'B', 'B', 'C']);
    expect(
      lots.map(({ mir: of, wafers, tests, parts: { total } }) => [
        of?.lotId,
        wafers.length,
        tests.length,
        total,
      ]),
    ).toEqual([
      ['LOT-1', 1, 1, 1],
      ['LOT-2', 1, 1, 2],
      ['LOT-3', 0, 1, 1],
    ]);
  });

  it('leave what was open when the next one began as not ended', () => {
    const { parts } = assemble([far, mir, pir(1, 0), ptr(7, 1), far, mir, pir(1, 0), prr(1, 0)]);
    expect(parts.map(({ lot, end }) => [lot, end])).toEqual([
      [0, 'not_ended'],
      [1, 'ended'],
    ]);
  });

  it('are one where the MIR comes twice before anything was tested', () => {
    expect(assemble([far, mir, mir, ...die('A')]).lots).toHaveLength(1);
  });
});

describe('wafers', () => {
  const of = (records: readonly StdfRecord[]) => assemble(records).parts.map(({ wafer }) => wafer?.waferId);
  const die = (headNum = 1, siteNum = 0) => [pir(headNum, siteNum), prr(headNum, siteNum)];

  it('of HEAD_NUM 255 are those of all heads', () => {
    const all = (waferId: string) => ({ ...wir(waferId), headNum: 255 });
    const end = (waferId: string) => ({ ...wrr(waferId), headNum: 255 });
    expect(of([all('A'), ...die(1), ...die(2), end('A'), all('B'), ...die(1), end('B'), ...die(1)])).toEqual([
      'A',
      'A',
      'B',
      undefined,
    ]);
  });

  it('that are opened again go on', () => {
    const { parts, lot } = assemble([wir('A'), ...die(), wrr('A'), wir('A'), ...die(), wrr('A')]);
    expect(lot.wafers).toHaveLength(1);
    expect(parts[0]?.wafer).toBe(parts[1]?.wafer);
  });

  it('of two site groups of a head are told apart by the SDR', () => {
    const sdr = (siteGrp: number, siteNum: number[]): StdfRecord<'Sdr'> => ({
      type: 'Sdr',
      headNum: 1,
      siteGrp,
      siteCnt: siteNum.length,
      siteNum,
    });
    const group = (waferId: string, siteGrp: number) => ({ ...wir(waferId), siteGrp });
    expect(of([sdr(1, [0]), sdr(2, [1]), group('A', 1), group('B', 2), ...die(1, 0), ...die(1, 1)])).toEqual([
      'A',
      'B',
    ]);
    // What no SDR explains is the wafer opened last.
    expect(of([group('A', 1), ...die(1, 0)])).toEqual(['A']);
  });
});

describe('wafer and lot', () => {
  it("a part knows its wafer; the WRR's id replaces the WIR's", () => {
    const { parts, lot } = assemble([
      mir,
      wir('first'),
      pir(1, 0),
      prr(1, 0),
      wrr('final'),
      pir(1, 0),
      prr(1, 0),
      mrr,
    ]);
    expect(parts.map(({ wafer }) => wafer?.waferId)).toEqual(['final', undefined]);
    expect(lot).toMatchObject({
      mir: { lotId: 'LOT-1' },
      mrr: { finishT: 3 },
      wafers: [{ waferId: 'final' }],
    });
  });

  it('bins: totals over all sites are never added to the counts of the sites', () => {
    const hbr = (headNum: number, siteNum: number, hbinCnt: number): StdfRecord<'Hbr'> => ({
      type: 'Hbr',
      headNum,
      siteNum,
      hbinNum: 1,
      hbinCnt,
      hbinNam: 'GOOD',
    });
    const total = assemble([pir(1, 0), prr(1, 0), hbr(1, 0, 3), hbr(1, 1, 4), hbr(255, 0, 7)]);
    expect(total.lot.hardBins).toEqual([
      { bin: 1, name: 'GOOD', parts: 1, passed: 1, failed: 0, recordCount: 7 },
    ]);
    expect(assemble([hbr(1, 0, 3), hbr(1, 1, 4)]).lot.hardBins).toMatchObject([{ parts: 0, recordCount: 7 }]);
  });

  it('a stream gives each part when its PRR has come, and the unfinished ones last', async () => {
    const file = fileOf([mir, pir(1, 0), pir(1, 1), ptr(1, 1), prr(1, 0)]);
    const stream = assembleParts(streamOf(file));
    expect((await collect(stream)).map(({ end }) => end)).toEqual(['ended', 'not_ended']);
    expect(stream.report().damage.map(({ kind }) => kind)).toEqual(['missing_mrr']);
    expect(stream.lots()[0]?.mir?.jobNam).toBe('job');
  });
});
