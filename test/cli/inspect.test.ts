import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { inspectCommand } from '../../src/cli/inspect.js';
import { fileOf, lot2Facts, lot2Missing, mir, mrr, pir, prr, ptr } from '../stdf/support.js';
import { temporaryFolder } from '../support/models.js';
import { type FakeTerminal, problemsOf, runCommand } from './support.js';

const LOT2 = fileURLToPath(new URL('../../../shared/data/lot2.stdf.gz', import.meta.url));

const inspect = (args: readonly string[], terminal?: FakeTerminal) =>
  runCommand((streams) => inspectCommand({ streams }), args, terminal);

async function lotFile(bytes: Uint8Array): Promise<string> {
  const file = join(await temporaryFolder(), 'lot.stdf');
  await writeFile(file, bytes);
  return file;
}

const declared = {
  testTxt: 'VOH',
  optFlag: 0,
  resScal: 0,
  llmScal: 0,
  hlmScal: 0,
  loLimit: 1,
  hiLimit: 3,
  units: 'V',
};

/** One die that passes, one that fails and recovers in a retest that no flag announces. */
const SMALL = fileOf([
  mir,
  { type: 'Wir', headNum: 1, siteGrp: 255, startT: 1, waferId: 'W\u001b[2J1' },
  pir(1, 0),
  ptr(10, 2, declared),
  prr(1, 0, { xCoord: 1, yCoord: 1 }),
  pir(1, 0),
  ptr(10, 4, { testFlg: 0x80 }),
  prr(1, 0, { xCoord: 2, yCoord: 1, partFlg: 8, hardBin: 7 }),
  pir(1, 0),
  ptr(10, 3),
  // An alarm: the value is the instrument's clamp and no statistic.
  ptr(10, 99, { testFlg: 0x81 }),
  prr(1, 0, { xCoord: 2, yCoord: 1 }),
  mrr,
]);

describe('diegate inspect', () => {
  it('tells parts, dies, yields and retests apart', async () => {
    const { out } = await inspect([await lotFile(SMALL), '--json']);
    expect(JSON.parse(out)).toMatchObject({
      lot: { lotId: 'LOT-1', product: 'CHIP', tester: 'node', sublotId: null },
      parts: { total: 3, passed: 2, failed: 1, withResults: 3, dies: 2, firstYield: 0.5, lastYield: 1 },
      wafers: [{ ended: false, parts: 3, dies: 2, touchdownYield: 2 / 3, statedParts: null }],
      retests: { dies: 1, unflagged: 1, flagged: 0, recovered: 1, lost: 0 },
      hardBins: [
        { bin: 1, parts: 2, dies: 2, recordCount: null },
        { bin: 7, parts: 1, failed: 1, dies: 0 },
      ],
      report: { intact: true },
    });
  });

  it('gives each test its name, limits, units and statistics over usable values', async () => {
    const { out } = await inspect([await lotFile(SMALL), '--json']);
    expect(JSON.parse(out).tests).toEqual([
      {
        number: 10,
        name: 'VOH',
        kind: 'Ptr',
        units: 'V',
        display: {
          ...{ unit: 'V', scale: 0, resultScale: 0, lowScale: 0, highScale: 0 },
          ...{ resultFormat: '', lowFormat: '', highFormat: '' },
        },
        lowLimit: 1,
        highLimit: 3,
        lowSpec: null,
        highSpec: null,
        results: 4,
        values: 3,
        failed: 2,
        alarms: 1,
        min: 2,
        max: 4,
        mean: 3,
        deviation: 1,
      },
    ]);
  });

  it('prints the same for people, and no control character of the file', async () => {
    const { out } = await inspect([await lotFile(SMALL)]);
    expect(out).toContain('3 touchdowns on 2 dies: 2 passed, 1 failed, 3 with results');
    expect(out).toContain('yield: 100.0% of dies at their last touchdown, 50.0% at their first');
    expect(out).toContain('retests: 1 dies (1 touchdowns unflagged), 1 recovered, 0 lost');
    expect(out).toMatch(/10 {2}VOH +V +1 +3 +4 +3 +2 +2 +3 +4 +1/);
    expect(out).not.toMatch(/[^\P{Cc}\n]/u);
  });

  it('shows numbers in the unit that the tester shows, with --json the base unit, scale, format and spec limits', async () => {
    const shown = {
      ...{ testTxt: 'IDD', units: 'a', optFlag: 0, resScal: 6, llmScal: 6, hlmScal: 6 },
      ...{ loLimit: 0, hiLimit: 2e-5, loSpec: -1e-5, hiSpec: 4e-5 },
      ...{ cResfmt: '%5.0f ua', cLlmfmt: '%5.0f ua', cHlmfmt: '%5.0f ua' },
    };
    const bytes = fileOf([mir, pir(1, 0), ptr(7, 1.887e-5, shown), prr(1, 0, {}), mrr]);
    const { out } = await inspect([await lotFile(bytes)]);
    expect(out).toMatch(/7 {2}IDD +uA +0 +20 +1 +1 +0 +18\.87 +18\.87 +18\.87/);
    const { out: json } = await inspect([await lotFile(bytes), '--json']);
    expect(JSON.parse(json).tests[0]).toMatchObject({
      units: 'a',
      display: { unit: 'uA', scale: 6, resultScale: 6, resultFormat: '%5.0f ua', highFormat: '%5.0f ua' },
      highLimit: Math.fround(2e-5),
      lowSpec: Math.fround(-1e-5),
      highSpec: Math.fround(4e-5),
      mean: Math.fround(1.887e-5),
    });
  });

  it("gives times as the tester's clock showed them, without a zone", async () => {
    const { out } = await inspect([await lotFile(SMALL), '--json']);
    const { started, finished } = JSON.parse(out).lot;
    for (const time of [started, finished])
      expect(time ?? '2000-01-01T00:00:00').toMatch(/^[\d-]{10}T[\d:]{8}$/);
  });

  it('tells sites apart, and says which summaries contradict the parts', async () => {
    const at = (site: number, failed: boolean) => [
      pir(1, site),
      ptr(10, 2, { ...declared, headNum: 1, siteNum: site }),
      prr(1, site, { partId: `${site}${failed}`, partFlg: failed ? 8 : 0, hardBin: failed ? 5 : 1 }),
    ];
    const bytes = fileOf([
      mir,
      ...[...at(1, false), ...at(2, false), ...at(2, true)],
      { type: 'Pcr', headNum: 255, siteNum: 0, partCnt: 100, rtstCnt: 0, abrtCnt: 0, goodCnt: 2, funcCnt: 0 },
      { type: 'Hbr', headNum: 255, siteNum: 0, hbinNum: 5, hbinCnt: 4, hbinPf: 'F', hbinNam: '' },
      mrr,
    ]);
    const { out } = await inspect([await lotFile(bytes), '--json']);
    expect(JSON.parse(out)).toMatchObject({
      claims: [
        { record: 'PCR PART_CNT', stated: 100, found: 3 },
        { record: 'HBR HBIN_CNT of bin 5', stated: 4, found: 1 },
      ],
      sites: [
        { head: 1, site: 1, touchdowns: 1, passed: 1, failed: 0, hardBins: [{ bin: 1, touchdowns: 1 }] },
        { head: 1, site: 2, touchdowns: 2, passed: 1, failed: 1 },
      ],
    });
    const { out: text } = await inspect([await lotFile(bytes)]);
    expect(text).toContain('PCR PART_CNT says 100, the parts say 3');
    expect(text).toMatch(/1\/2 +2 +1 +1 +50\.0% {2}1: 1, 5: 1/);
  });

  it('tells the testers of a file of several lots apart: yield, bins and means', async () => {
    const lotOn = (nodeNam: string, volts: number, order: 'little' | 'big') =>
      fileOf(
        [
          { ...mir, lotId: nodeNam, nodeNam },
          { type: 'Sdr', headNum: 1, siteGrp: 1, siteCnt: 1, siteNum: [0], cardTyp: 'PC', cardId: 'C7' },
          ...Array.from({ length: 8 }, (_, i) => [
            pir(1, 0),
            ptr(10, volts + (i % 2) / 100, declared),
            prr(1, 0, { partId: `${i}`, partFlg: i === 0 ? 8 : 0, hardBin: i === 0 ? 5 : 1 }),
          ]).flat(),
          mrr,
        ],
        order,
      );
    const file = await lotFile(Buffer.concat([lotOn('T-1', 2, 'big'), lotOn('T-2', 2.5, 'little')]));
    const { lots, equipment } = JSON.parse((await inspect([file, '--json'])).out);
    expect(lots).toHaveLength(2);
    expect(lots[0].hardware).toMatchObject([{ head: 1, sites: [0], probeCard: 'PC C7' }]);
    expect(equipment).toMatchObject([
      { equipment: 'T-1', touchdowns: 8, passed: 7, yield: 0.875, tests: [{ number: 10, values: 8 }] },
      {
        equipment: 'T-2',
        hardBins: [
          { bin: 1, touchdowns: 7 },
          { bin: 5, touchdowns: 1 },
        ],
      },
    ]);
    expect(equipment[1].tests[0].mean).toBeCloseTo(2.505, 6);
    const { out } = await inspect([file]);
    expect(out).toContain('little- and big-endian');
    expect(out).toContain('probe card  PC C7');
    expect(out).toMatch(
      /tests whose mean differs by equipment:\n.*\n +10 {2}VOH +V +2\.005 +T-1 +2\.505 +T-2/,
    );
  });

  it('says what is damaged and where', async () => {
    const file = await lotFile(SMALL.subarray(0, SMALL.length - 9));
    const { out } = await inspect([file]);
    expect(out).toContain('truncated_tail: the file ends inside a record: at byte');
    expect(out).toContain('missing_mrr');
    const { out: json } = await inspect([file, '--json']);
    expect(JSON.parse(json).report.intact).toBe(false);
  });

  it('shows progress on a terminal only', async () => {
    const file = await lotFile(SMALL);
    expect((await inspect([file], { columns: 80, color: true })).progress).toContain('100.0% read');
    expect((await inspect([file])).progress).toBe('');
  });

  it('refuses a file that is missing, empty or not STDF, by its name', async () => {
    for (const bytes of ['', 'lot_id,die\n1,2\n']) {
      const file = await lotFile(Buffer.from(bytes));
      expect((await problemsOf(inspect([file]))).join()).toContain(file);
    }
    expect(await problemsOf(inspect(['/nowhere/lot.stdf']))).toEqual([
      expect.stringContaining('/nowhere/lot.stdf cannot be read'),
    ]);
  });
});

describe.skipIf(lot2Missing)(`the real lot${lot2Missing ? ` (${lot2Missing})` : ''}`, () => {
  it('agrees with its facts to the last count', async () => {
    const facts = lot2Facts();
    const { out } = await inspect([LOT2, '--json']);
    const found = JSON.parse(out);
    expect(found.lot).toMatchObject({ lotId: facts.mir.LOT_ID, product: facts.mir.PART_TYP });
    expect(found.parts).toMatchObject({
      total: facts.part_counts.total,
      passed: facts.part_counts.passed,
      failed: facts.part_counts.failed,
      withResults: facts.part_counts.with_ptr,
      dies: facts.part_counts.unique_xy,
      touchdownYield: facts.retest.yield_touchdowns,
      firstYield: facts.retest.yield_first,
      lastYield: facts.retest.yield_last,
    });
    expect(found.wafers).toHaveLength(1);
    expect(found.wafers[0]).toMatchObject({ wafer: facts.wafer_id, statedParts: facts.wrr.PART_CNT });
    expect(found.retests).toEqual({
      dies: facts.retest.positions_tested_twice,
      unflagged: facts.retest.positions_tested_twice,
      flagged: 0,
      recovered: facts.retest.recovered,
      lost: facts.retest.lost,
    });
    const last: Record<string, number> = {};
    for (const { bin, dies } of found.hardBins) if (dies > 0) last[bin] = dies;
    expect(last).toEqual(facts.retest.last_hard_bins);
    for (const kind of ['hard', 'soft']) {
      expect(found[`${kind}Bins`]).toMatchObject(
        facts[`${kind}_bins`].map((fact: Record<string, unknown>) => ({
          bin: fact.bin,
          parts: fact.parts,
          passed: fact.passed,
          failed: fact.failed,
          recordCount: fact.record_count,
        })),
      );
    }
    expect(found.report).toMatchObject({ records: facts.record_total, intact: true });
  });

  it('agrees with its facts in every test', async () => {
    const facts = lot2Facts();
    const { out } = await inspect([LOT2, '--json']);
    const { tests } = JSON.parse(out);
    expect(tests).toHaveLength(facts.distinct_tests);
    for (const fact of facts.tests) {
      const test = tests.find(
        ({ number, name }: { number: number; name: string }) =>
          number === fact.test_num && name === fact.test_txt,
      );
      expect(test, `${fact.test_num}`).toMatchObject({
        units: fact.units,
        lowLimit: fact.lo_limit,
        highLimit: fact.hi_limit,
        results: fact.count,
        values: fact.valid_count,
        failed: fact.fail_count,
        alarms: fact.alarm_count,
        min: fact.min,
        max: fact.max,
      });
      const scale = Math.max(Math.abs(fact.min), Math.abs(fact.max));
      expect(Math.abs(test.mean - fact.mean)).toBeLessThanOrEqual(1e-12 * scale);
    }
  });
});
