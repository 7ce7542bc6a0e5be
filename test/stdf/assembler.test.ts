import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StdfRecord } from '../../src/stdf/records.js';
import { assembleParts, createPartAssembler, oneForEachDie, type Part } from '../../src/stdf/stdf.js';
import { collect, fileOf, mir, mrr, pir, prr, ptr, streamOf } from './support.js';

function assemble(records: readonly StdfRecord[]) {
  const assembler = createPartAssembler();
  const parts = records.flatMap((record) => assembler.push(record) ?? []);
  return { parts: [...parts, ...assembler.end()], lot: assembler.lot() };
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

describe('retests', () => {
  const at = (xCoord: number, yCoord: number, partId: string, partFlg = 0) => [
    pir(1, 0),
    prr(1, 0, { xCoord, yCoord, partId, partFlg }),
  ];

  it('without any flag are known by their place on the wafer', () => {
    const { parts } = assemble([wir('W1'), ...at(1, 1, '1', 8), ...at(2, 1, '2'), ...at(1, 1, '3')]);
    expect(
      parts.map(({ touchdown, replaces, retestFlagged }) => [touchdown, replaces, retestFlagged]),
    ).toEqual([
      [1, undefined, false],
      [1, undefined, false],
      [2, 0, false],
    ]);
    expect(oneForEachDie(parts, 'last').map(({ partId }) => partId)).toEqual(['2', '3']);
    expect(oneForEachDie(parts, 'first').map(({ partId }) => partId)).toEqual(['1', '2']);
  });

  it('of another wafer are no retests, of the same wafer in a second pass they are', () => {
    const { parts } = assemble([
      wir('A'),
      ...at(1, 1, '1'),
      wrr('A'),
      wir('B'),
      ...at(1, 1, '1'),
      wrr('B'),
      wir('A'),
      ...at(1, 1, '1'),
    ]);
    expect(parts.map(({ replaces }) => replaces)).toEqual([undefined, undefined, 0]);
  });

  it('of parts without a place are known by their id', () => {
    const { parts } = assemble([
      ...at(-32768, -32768, 'x'),
      ...at(-32768, 5, 'y'),
      ...at(-32768, -32768, 'x'),
    ]);
    expect(parts.map(({ replaces }) => replaces)).toEqual([undefined, undefined, 0]);
    expect(parts.map(({ x, y }) => [x, y])).toEqual([
      [undefined, undefined],
      [undefined, 5],
      [undefined, undefined],
    ]);
  });

  it('that a flag names by part id are that part, whatever their place; three touchdowns count up', () => {
    const { parts } = assemble([...at(1, 1, 'p'), ...at(2, 2, 'p', 0x01), ...at(2, 2, 'q', 0x02)]);
    expect(
      parts.map(({ replaces, touchdown, retestFlagged }) => [replaces, touchdown, retestFlagged]),
    ).toEqual([
      [undefined, 1, false],
      [0, 2, true],
      [1, 3, true],
    ]);
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
    expect(stream.lot().mir?.jobNam).toBe('job');
  });
});
