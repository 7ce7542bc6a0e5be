import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { trainCommand } from '../../src/cli/train.js';
import { createPartMeasurer } from '../../src/lots/measure-part.js';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { assembleParts, type StdfRecord } from '../../src/stdf/stdf.js';
import { readLots } from '../../src/training/lots/read-lots.js';
import { shortDecimal } from '../../src/training/short-decimal.js';
import { fileOf, mir, pir, prr, ptr, streamOf } from '../stdf/support.js';
import { Collector } from '../support/collector.js';
import { correlatedDies, csvFile, problemsOf, temporaryFolder } from './fixtures.js';
import { correlatedParts, lotFile, lotRecords, type MadePart, writeLot } from './lot-files.js';
import { runWithOrt } from './score-with-ort.js';

async function run(args: readonly string[]): Promise<string> {
  const stdout = new Collector();
  const scoreDies = async (file: string, params: Float32Array, width: number) =>
    (await runWithOrt(file, params, width)).scores;
  const command = trainCommand({ scoreDies, streams: { stdout, stderr: new Collector() } });
  await command.parseAsync([...args, '--created', '2026-01-02T03:04:05Z'], { from: 'user' });
  return stdout.text;
}

async function trainOn(files: readonly string[], ...args: string[]) {
  const out = join(await temporaryFolder(), 'screen', '1');
  const printed = await run([...files, '--out', out, ...args]);
  const manifest = ManifestSchema.parse(JSON.parse(await readFile(join(out, 'manifest.json'), 'utf8')));
  const { parameters } = manifest.input;
  return {
    out,
    printed,
    manifest,
    parameters: Array.isArray(parameters) ? parameters : [],
    card: await readFile(join(out, 'MODEL_CARD.md'), 'utf8'),
  };
}

const refusal = async (files: readonly string[], ...args: string[]) =>
  problemsOf(async () => run([...files, '--out', join(await temporaryFolder(), 'screen', '1'), ...args]));

const limits = { resScal: 0, llmScal: 0, hlmScal: 0, loLimit: 0, hiLimit: 0 };

/** The same lot with something done to the results of each part. */
function withResults(
  parts: readonly MadePart[],
  change: (results: MadePart['results'], die: number) => MadePart['results'],
): MadePart[] {
  return parts.map((part, die) => ({ ...part, results: change(part.results, die) }));
}

describe('diegate train on STDF lots', () => {
  it('names parameters by test number and name, with unit and limits as the file has them, unscaled', async () => {
    const { parameters, manifest, printed, card } = await trainOn([await lotFile(correlatedParts(200, 5))]);
    expect(parameters).toHaveLength(5);
    expect(parameters[0]).toMatchObject({
      name: '100 T0',
      unit: 'V',
      testNumber: 100,
      lowLimit: 0.1,
      highLimit: 20.5,
    });
    expect(manifest.lineage).toMatchObject({
      rows: 200,
      data: expect.stringContaining('lot.stdf (200 dies'),
    });
    for (const text of [printed, card]) {
      expect(text).toContain('200 touchdowns, 200 dies to learn from: 180 passing and 20 failing');
      expect(text).toContain('the last touchdown counts');
    }
    expect(manifest.metrics.detectionRate).toBe(1);
    expect(manifest.metrics.detectionRateByDefect).toEqual({ 'soft bin 7 leakage': 1 });
  });

  it('accepts missing values, as failing parts stop early, unless told not to', async () => {
    const lot = await lotFile(correlatedParts(200, 4));
    expect((await trainOn([lot])).manifest.input.missing).toBe('impute');
    expect((await trainOn([lot], '--missing', 'reject')).manifest.input.missing).toBe('reject');
  });

  it('knows a lot by its content, whatever its name, and packed', async () => {
    for (const name of ['lot.stdf.gz', 'lot.std', 'datalog.bin']) {
      expect((await trainOn([await lotFile(correlatedParts(100, 3), name)])).parameters).toHaveLength(3);
    }
    const packed = await lotFile(correlatedParts(100, 3), 'lot.stdf.gz');
    const nameless = `${packed}-1`;
    await rename(packed, nameless);
    expect((await trainOn([nameless])).parameters).toHaveLength(3);
  });

  it('leaves out tests with too few results or without variance, and lists them; names tell tests of one number apart', async () => {
    const parts = withResults(correlatedParts(200, 4), (results, die) => [
      ...results,
      ...(die % 5 === 0 ? [ptr(200, die, { testTxt: 'rare' })] : []),
      ptr(201, 7, { testTxt: 'flat' }),
      ptr(202, die, { testTxt: 'twice A' }),
      ptr(202, -die, { testTxt: 'twice B' }),
    ]);
    const { parameters, printed, card } = await trainOn([await lotFile(parts)]);
    expect(parameters.map(({ testNumber }) => testNumber)).toEqual([100, 101, 102, 103, 202, 202]);
    expect(parameters.slice(-2)).toMatchObject([{ testName: 'twice A' }, { testName: 'twice B' }]);
    for (const text of [printed, card]) {
      expect(text).toContain('200 rare: too few results (40 of 180 passing dies)');
      expect(text).toContain('201 flat: no variance');
    }
    const json = JSON.parse((await trainOn([await lotFile(parts)], '--json')).printed);
    expect(json.lots.testsLeftOut).toContainEqual({
      testNumber: 201,
      name: '201 flat',
      reason: 'no_variance',
      results: 180,
    });
  });

  it('leaves out and counts parts that nothing can be learnt from', async () => {
    const [first, ...rest] = correlatedParts(104, 3);
    const odd: Partial<MadePart>[] = [{ results: [] }, { prr: { partFlg: 16 } }, { prr: { partFlg: 4 } }];
    const parts = [
      ...rest.slice(3),
      ...odd.map((change, i) => ({ ...rest[i], x: 500 + i, y: 1, ...change })),
    ];
    const json = JSON.parse((await trainOn([await lotFile([first, ...parts])], '--json')).printed);
    expect(json.lots).toMatchObject({
      touchdowns: 104,
      dies: 101,
      touchdownsLeftOut: { unmeasured: 1, no_verdict: 1, abnormal: 1, superseded: 0, not_ended: 0 },
    });
  });

  it('takes the last touchdown of a die, or the first one if asked', async () => {
    const parts = correlatedParts(100, 3);
    const again = parts.slice(0, 10).map((part) => ({ ...part, failing: true }));
    const lot = await lotFile([...parts, ...again]);
    const failing = async (touchdown: 'first' | 'last') => {
      const { table, account } = await readLots([lot], { touchdown });
      expect(account).toMatchObject({ dies: 100, touchdownsLeftOut: { superseded: 10 } });
      return table.passing.filter((pass) => pass === 0).length;
    };
    expect(await failing('last')).toBe(19);
    expect(await failing('first')).toBe(10);
    expect((await trainOn([lot], '--touchdown', 'first')).printed).toContain('the first touchdown counts');
  });

  it('takes a die once where a later file tests it again, and no two lots for one', async () => {
    const parts = correlatedParts(60, 3);
    const whole = await lotFile(parts);
    const retest = await lotFile(
      parts.slice(0, 5).map((part) => ({ ...part, failing: true })),
      'retest.stdf',
    );
    const other = await lotFile(parts, 'other.stdf', 'LOT-2');
    const { table, account } = await readLots([whole, retest, other]);
    expect(account).toMatchObject({ dies: 120, touchdownsLeftOut: { superseded: 5 } });
    expect(table.sources.map(({ dies }) => dies)).toEqual([55, 5, 60]);
    expect(new Set(table.wafers)).toEqual(new Set(['LOT-1|W01', 'LOT-2|W01']));
  });

  it('learns from a sample of whole wafers, the same in whatever order the files come, and tells what it left out', async () => {
    const lots = ['LOT-1', 'LOT-2', 'LOT-3', 'LOT-4'];
    const files = await Promise.all(
      lots.map((lotId) => lotFile(correlatedParts(60, 3), `${lotId}.stdf`, lotId)),
    );
    const all = await readLots(files);
    const some = await readLots(files, { sample: 150 });
    expect(some.account).toMatchObject({ dies: 120, touchdownsLeftOut: { not_sampled: 120 } });
    expect(some.table.sources.map(({ dies }) => dies).sort()).toEqual([0, 0, 60, 60]);
    const again = await readLots(files.toReversed(), { sample: 150 });
    expect(new Set(again.table.wafers)).toEqual(new Set(some.table.wafers));
    const first = all.table.wafers?.indexOf(some.table.wafers?.[0] ?? '') ?? -1;
    expect(some.table.values.slice(0, 3)).toEqual(all.table.values.slice(first * 3, first * 3 + 3));
    expect(await problemsOf(() => readLots(files, { sample: 59 }))).toEqual([
      '--sample: found 59, expected at least as many dies as the first wafer that is drawn has: wafers are drawn whole',
    ]);
  });

  it('leaves out tests that files disagree about, and not those that one of them does not name', async () => {
    const named = (more: Partial<StdfRecord<'Ptr'>>[]) =>
      withResults(correlatedParts(60, 3), (results, die) =>
        die > 0 ? results : more.map((fields, t) => ptr(100 + t, 10, fields)),
      );
    const one = await lotFile(
      named([{ testTxt: 'A' }, { testTxt: 'B', optFlag: 0xce, ...limits, units: 'V' }, { testTxt: 'C' }]),
    );
    const other = await lotFile(
      named([{ testTxt: 'X' }, { testTxt: 'B', optFlag: 0xce, ...limits, units: 'A' }, {}]),
      'other.stdf',
      'LOT-2',
    );
    const { tests } = await readLots([one, other]);
    expect(tests.map(({ facts, unreadable }) => [facts.name, unreadable])).toEqual([
      ['100 A', 'shared_number'],
      ['100 X', 'shared_number'],
      ['101 B', 'mixed_units'],
      ['102 C', undefined],
    ]);
  });

  it('takes the columns of the wafer that were asked for', async () => {
    const { account } = await readLots([await lotFile(correlatedParts(100, 3))], { x: { from: 10, to: 49 } });
    expect(account).toMatchObject({ dies: 40, touchdownsLeftOut: { outside: 60 } });
  });

  it('trains on what is readable of a damaged file, and says what is damaged', async () => {
    const bytes = fileOf(lotRecords(correlatedParts(200, 4)));
    const { printed, card } = await trainOn([await writeLot(bytes.subarray(0, bytes.length - 3000))]);
    for (const text of [printed, card]) {
      expect(text).toMatch(/lot\.stdf is damaged, the rest was used: truncated_tail/);
      expect(text).toContain('missing_mrr');
    }
  });

  it('learns the very measurements that parts are scored on', async () => {
    const parts = withResults(correlatedParts(80, 4), (results, die) => {
      if (die % 3 === 0) return results.slice(0, 2);
      const at = { headNum: 1, siteNum: 0, testFlg: 0 };
      const several = { type: 'Mpr', testNum: 300, ...at, parmFlg: 0, rtnIcnt: 0, rsltCnt: 2 } as const;
      const odd = [
        { ...several, rtnStat: [], rtnRslt: [die, 2] },
        { type: 'Ftr', testNum: 301, ...at } as const,
      ];
      return die % 3 === 1
        ? [...results, ptr(100, 55), ...odd]
        : [ptr(100, 5, { testFlg: 1 }), ...results.slice(1), ptr(102, Number.NaN), ...odd];
    });
    const lot = await lotFile(parts);
    const { table, tests } = await readLots([lot]);
    const measurer = createPartMeasurer(
      tests.map(({ facts }) => facts),
      'lot.stdf',
    );
    const stream = assembleParts(streamOf(await readFile(lot)));
    const rows: number[] = [];
    for await (const part of stream) {
      const [of] = stream.lots();
      if (of !== undefined) rows.push(...measurer.measure(part, of).params);
    }
    expect([...table.values]).toEqual(rows);
    expect(table.parameters).toEqual(['100 T0', '101 T1', '102', '103', '300[1]', '300[2]']);
    expect(table.values.filter(Number.isNaN).length).toBeGreaterThan(80);
  });

  it('states a limit as the decimal that the test program has', () => {
    expect([0.1, -0.9, 3.598, 1e-5, 93000, 0].map((limit) => shortDecimal(Math.fround(limit)))).toEqual([
      0.1, -0.9, 3.598, 1e-5, 93000, 0,
    ]);
  });

  it('works with one test only', async () => {
    const { parameters, manifest } = await trainOn([await lotFile(correlatedParts(200, 1))]);
    expect(parameters).toHaveLength(1);
    expect(manifest.metrics.detectionRate).toBe(1);
  });

  it('learns functional tests where asked: a fail is told although no good die ever had one', async () => {
    const ftr = (testNum: number, failing: boolean): StdfRecord<'Ftr'> => ({
      ...{ type: 'Ftr', testNum, headNum: 1, siteNum: 0, testFlg: failing ? 0x80 : 0 },
      ...{ optFlag: 0xff, cyclCnt: 0, relVadr: 0, reptCnt: 0, numFail: 0, xfailAd: 0, yfailAd: 0 },
      ...{ vectOff: 0, rtnIcnt: 0, pgmIcnt: 0, rtnIndx: [], rtnStat: [], pgmIndx: [], pgmStat: [] },
      ...{
        failPin: { count: 0, bytes: new Uint8Array(0) },
        vectNam: '',
        timeSet: '',
        opCode: '',
        testTxt: `scan${testNum}`,
      },
    });
    // Failing dies are average in every value and fail test 900; all dies pass 901, all fail 902.
    const parts = correlatedParts(400, 60).map((part, die) => {
      const failing = die % 10 === 3;
      const results = [
        ...(part.failing === true ? [] : part.results),
        ...[ftr(900, failing), ftr(901, false), ftr(902, true)],
      ];
      return { ...part, failing, results };
    });
    const lot = await lotFile(parts);
    const without = await trainOn([lot]);
    expect(without.parameters.some(({ functional }) => functional)).toBe(false);
    expect(without.manifest.metrics.detectionRate).toBeLessThan(0.2);

    const { parameters, manifest, card, printed } = await trainOn([lot], '--functional');
    expect(
      parameters.filter(({ functional }) => functional).map(({ name, expected }) => [name, expected]),
    ).toEqual([
      ['900 scan900 (functional)', 0],
      ['901 scan901 (functional)', 0],
    ]);
    expect(manifest.metrics.detectionRate).toBe(1);
    expect(manifest.metrics.falseAlarmRate).toBeLessThan(0.1);
    expect(card).toContain('2 are functional tests that good dies pass');
    expect(printed).toContain('902 scan902 (functional): no variance');
  });

  it('gives the same bytes again', async () => {
    const lot = await lotFile(correlatedParts(120, 4));
    const out = join(await temporaryFolder(), 'screen', '1');
    const files = () =>
      Promise.all(
        ['manifest.json', 'MODEL_CARD.md', 'model.onnx'].map((name) => readFile(join(out, name), 'hex')),
      );
    await run([lot, '--out', out]);
    const first = await files();
    await run([lot, '--out', out, '--force']);
    expect(await files()).toEqual(first);
  });
});

describe('diegate train refuses', () => {
  it('a lot without enough passing parts, and says what became of its parts', async () => {
    const parts = correlatedParts(40, 3).map((part) => ({ ...part, failing: true }));
    const problems = await refusal([await lotFile(parts)]);
    expect(problems[0]).toContain('found 0 passing dies of 40, expected at least 20');
    expect(problems).toContainEqual(expect.stringContaining('0 passing and 40 failing'));
  });

  it('a lot without parametric tests', async () => {
    const parts = withResults(correlatedParts(40, 3), () => []);
    const problems = await refusal([await lotFile(parts)]);
    expect(problems[0]).toContain('no parametric test (PTR or MPR) in the lot');
    expect(problems).toContainEqual('left out: 40 without any usable parametric result');
  });

  it('a lot whose tests never vary', async () => {
    const parts = withResults(correlatedParts(40, 1), () => [ptr(100, 1)]);
    const problems = await refusal([await lotFile(parts)]);
    expect(problems[0]).toBe('none of the 1 tests can be learnt from');
    expect(problems[1]).toContain('no variance');
  });

  it('a lot that ends before its first part', async () => {
    const problems = await refusal([await writeLot(fileOf([mir]))]);
    expect(problems[0]).toContain('no parametric test');
    expect(problems).toContainEqual(expect.stringContaining('missing_mrr'));
  });

  it('a part that never ends as a die', async () => {
    const open = fileOf([mir, pir(1, 0), ptr(1, 1), pir(1, 0), ptr(1, 2), prr(1, 0)]);
    expect(await refusal([await writeLot(open)])).toContainEqual('left out: 1 never ended');
  });

  it.each([
    ['text', 'die_id,a\n1,2\n', 'not an STDF file'],
    ['nothing', '', 'the file is empty'],
    ['an older STDF', Uint8Array.of(2, 0, 0, 10, 2, 3), 'STDF version 3'],
  ])('a file named .stdf that holds %s', async (_what, content, words) => {
    const path = await writeLot(Buffer.from(content));
    const [problem] = await refusal([path]);
    expect(problem).toContain(path);
    expect(problem).toContain(words);
  });

  it('a file that is not there', async () => {
    expect((await refusal(['/nowhere/lot.stdf']))[0]).toMatch(/^\/nowhere\/lot\.stdf: ENOENT/);
    expect((await refusal(['/nowhere/lot.csv']))[0]).toMatch(/^\/nowhere\/lot\.csv: ENOENT/);
  });

  it('CSV and STDF together, naming which is which', async () => {
    const csv = await csvFile(correlatedDies(50, 3));
    const [problem] = await refusal([csv, await lotFile(correlatedParts(50, 3))]);
    expect(problem).toMatch(/found STDF \(.*lot\.stdf\) and CSV \(.*dies\.csv\), expected files of one kind/);
  });

  it('options of the other format', async () => {
    const lot = await lotFile(correlatedParts(50, 3));
    expect(await refusal([lot], '--label', 'l', '--rows', '1..3')).toEqual([
      '--label is for CSV files, the files are STDF',
      '--rows is for CSV files, the files are STDF',
    ]);
    const csv = await csvFile(correlatedDies(50, 3));
    expect(await refusal([csv], '--touchdown', 'first', '--x', '1..3')).toEqual([
      '--touchdown is for STDF files, the files are CSV',
      '--x is for STDF files, the files are CSV',
    ]);
    expect((await refusal([lot], '--x', '9..3'))[0]).toContain('--x: found "9..3"');
  });
});
