import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { scoreCommand } from '../../src/cli/score.js';
import type { StdfRecord } from '../../src/stdf/records.js';
import { fileOf, lot2Facts, lot2Missing, mir, mrr, pir, prr, ptr } from '../stdf/support.js';
import {
  fillRepository,
  logModel,
  manifestOf,
  sumVersion,
  type TestVersion,
  temporaryFolder,
  throwingModel,
} from '../support/models.js';
import { WORKER } from '../support/pool.js';
import { type FakeTerminal, problemsOf, runCommand } from './support.js';

const LOT2 = fileURLToPath(new URL('../../../shared/data/lot2.stdf.gz', import.meta.url));

const score = (args: readonly string[], terminal?: FakeTerminal) =>
  runCommand((streams) => scoreCommand({ streams, workerEntry: WORKER }), args, terminal);

const PARAMETERS = [
  { name: 'VOH <> pin7', testNumber: 10, expected: 0.5 },
  { name: 'IDD', testNumber: 20, unit: 'mA', lowLimit: 0, highLimit: 2 },
];

/** Fails a part when the magnitudes of tests 10 and 20 add up to more than 1. */
const sums = (missing: 'reject' | 'impute' = 'reject') =>
  sumVersion(2, { input: { name: 'test_params', parameters: PARAMETERS, missing } });

/** A part at (x, y): its results by test number, and whether the tester failed it. */
function part(
  x: number,
  y: number,
  results: Readonly<Record<number, number>>,
  testerFails = false,
): StdfRecord[] {
  return [
    pir(1, 0),
    ...Object.entries(results).map(([test, value]) =>
      ptr(Number(test), value, {
        testTxt: test === '10' ? 'VOH <> pin7' : 'IDD',
        optFlag: 0,
        resScal: 0,
        llmScal: 0,
        hlmScal: 0,
        loLimit: -1,
        hiLimit: 4,
        units: test === '10' ? 'V' : 'mA',
      }),
    ),
    prr(1, 0, {
      xCoord: x,
      yCoord: y,
      partFlg: testerFails ? 8 : 0,
      hardBin: testerFails ? 8 : 1,
      partId: `${x}/${y}`,
    }),
  ];
}

/** Each cell of the agreement once, a retest, a part without results, one with a value missing. */
const LOT = fileOf([
  mir,
  {
    type: 'Wcr',
    wafrSiz: 0,
    dieHt: 0,
    dieWid: 0,
    wfUnits: 0,
    wfFlat: 'D',
    centerX: 0,
    centerY: 0,
    posX: 'R',
    posY: 'U',
  },
  { type: 'Wir', headNum: 1, siteGrp: 255, startT: 1, waferId: 'W1' },
  ...part(1, 1, { 10: 0.25, 20: 0.5 }),
  ...part(2, 1, { 10: 2, 20: 0.5 }),
  ...part(1, 2, { 10: 0.25, 20: 0.25 }, true),
  ...part(2, 2, { 10: 3, 20: 4 }, true),
  ...part(3, 1, {}, true),
  ...part(3, 2, { 10: 0.5 }),
  // The die at (2, 1) again, as flagless as in most files: this time it is good.
  ...part(2, 1, { 10: 0.125, 20: 0.5 }),
  { type: 'Wrr', headNum: 1, siteGrp: 255, finishT: 2, partCnt: 7, waferId: 'W1' },
  mrr,
]);

/** A folder with lot.stdf.gz and a model; what to call it with. */
async function floor(version: TestVersion = sums(), lot: Uint8Array = LOT) {
  const folder = await temporaryFolder();
  await fillRepository(folder, [version]);
  const file = join(folder, 'lot.stdf.gz');
  await writeFile(file, gzipSync(lot));
  const model = join(folder, version.manifest.name, version.manifest.version);
  return { file, args: [file, '--model', model], at: (name: string) => join(folder, name) };
}

describe('diegate score', () => {
  it('counts what was scored, what not and why, and how the model agrees with the bins', async () => {
    const { args } = await floor();
    const { out } = await score([...args, '--json']);
    const [file] = JSON.parse(out).lots;
    expect(file).toMatchObject({
      lot: 'LOT-1',
      wafers: ['W1'],
      files: [{ file: expect.stringContaining('lot.stdf.gz'), intact: true, damage: [] }],
      parts: {
        parts: 7,
        scored: 5,
        notScored: { no_results: 1, missing_values: 1 },
        predictedFail: 2,
        byTester: { pass: { scored: 3, predictedFail: 1 }, fail: { scored: 2, predictedFail: 1 } },
        caughtRate: 0.5,
        flaggedRate: 1 / 3,
      },
      dies: { parts: 6, scored: 4, predictedFail: 1, flaggedRate: 0 },
    });
    const { out: text } = await score(args);
    expect(text).toContain('7 parts: 5 scored, 2 not scored');
    expect(text).toContain("1 not scored: no parametric results for the model's tests");
    expect(text).toContain('1 not scored: missing values, which the model does not accept');
    expect(text).toMatch(/tester: fail +1 +1 +caught {2}50\.0%/);
    expect(text).toMatch(/tester: pass +1 +2 +flagged 33\.3%/);
    expect(text).toContain('6 dies (last touchdown): 4 scored, 2 not scored');
  });

  it('writes a line for every part as CSV, explained by test number, name, unit and limits', async () => {
    const { args, at, file } = await floor();
    await score([...args, '--out', at('out.csv'), '--explain', '2']);
    const rows: Record<string, string>[] = parse(await readFile(at('out.csv')), { columns: true });
    expect(rows).toHaveLength(7);
    expect(rows[1]).toMatchObject({
      file,
      die_id: 'W1_x2y1_n1',
      lot_id: 'LOT-1',
      wafer_id: 'W1',
      part_id: '2/1',
      x: '2',
      y: '1',
      touchdown: '1',
      hard_bin: '1',
      tester: 'pass',
      measured: '2',
      prediction: 'fail',
      anomaly_score: '2.5',
      not_scored: '',
      model_name: 'sum',
      model_version: '1',
      explanation:
        '10 VOH <> pin7: 2 V (limits -1 to 4, expected 0.5), 80%; 20 IDD: 0.5 mA (limits -1 to 4), 20%',
    });
    expect(rows[4]).toMatchObject({
      not_scored: 'no_results',
      prediction: '',
      anomaly_score: '',
      tester: 'fail',
    });
    expect(rows[6]).toMatchObject({ touchdown: '2', prediction: 'pass' });
  });

  it('writes the same as NDJSON, explanations as objects', async () => {
    const { args, at } = await floor();
    await score([...args, '--out', at('out.ndjson'), '--explain', '1']);
    const rows = (await readFile(at('out.ndjson'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows).toHaveLength(7);
    expect(rows[3]).toMatchObject({ prediction: 'fail', anomaly_score: 7, x: 2, y: 2 });
    expect(rows[3].explanation).toEqual([
      {
        testNumber: 20,
        name: 'IDD',
        unit: 'mA',
        display: { decimals: 0, scale: 0, unit: 'mA' },
        value: 4,
        expected: null,
        // Those in force at the part, as the file has them, and not the manifest's.
        lowLimit: -1,
        highLimit: 4,
        share: 4 / 7,
      },
    ]);
    expect(rows[5]).toMatchObject({ not_scored: 'missing_values', measured: 1, explanation: null });
  });

  it('writes the same as Parquet, missing values as null', async () => {
    const { args, at } = await floor();
    await score([...args, '--out', at('out.parquet')]);
    const bytes = await readFile(at('out.parquet'));
    const rows = await parquetReadObjects({
      file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
    });
    expect(rows).toHaveLength(7);
    expect(rows[3]).toMatchObject({
      die_id: 'W1_x2y2_n3',
      part_index: 3,
      x: 2,
      anomaly_score: 7,
      tester: 'fail',
    });
    expect(rows[4]).toMatchObject({ prediction: null, anomaly_score: null, not_scored: 'no_results' });
  });

  it('writes a report with the wafer, its tool-tips and why dies were not scored', async () => {
    const { args, at } = await floor();
    await score([...args, '--report', at('report.html')]);
    const html = await readFile(at('report.html'), 'utf8');
    expect(html).toContain('Wafer W1, lot LOT-1');
    expect(html).toContain('flat or notch down');
    expect(html).toContain('10 VOH &#60;&#62; pin7: 3 V (limits -1 to 4, expected 0.5), 43%');
    expect(html).toContain('1 dies were not scored: no parametric results');
  });

  it('draws the wafer on a terminal, and progress only there', async () => {
    const { args } = await floor();
    const shown = await score(args, { columns: 40, color: false });
    // y grows upwards: (1, 2), (2, 2), (3, 2) above (1, 1), (2, 1), (3, 1), the last touchdown of each.
    const picture = shown.out.split('\n').map((line) => line.replaceAll(' ', ''));
    expect(picture).toEqual(expect.arrayContaining(['2!#-', '1..~', '123']));
    expect(shown.progress).toContain('read');
    const piped = await score(args);
    expect(piped.out).not.toContain('!');
    expect(piped.progress).toBe('');
  });

  it('scores a part with missing values where the model takes them', async () => {
    const { args } = await floor(sums('impute'));
    const { out } = await score([...args, '--json']);
    // This model imputes nothing: it says so with a score that is not a number, which is not hidden.
    expect(JSON.parse(out).lots[0].parts.notScored).toEqual({ no_results: 1, not_finite: 1 });
  });

  it('a part that the model throws on harms no other', async () => {
    const onnx = throwingModel(2);
    const input = { name: 'test_params', parameters: PARAMETERS };
    const manifest = manifestOf(onnx, 2, { name: 'throwing', input, threshold: 100 });
    const lot = fileOf([
      mir,
      ...part(1, 1, { 10: 1, 20: 2 }),
      ...part(2, 1, { 10: 99, 20: 2 }),
      ...part(3, 1, { 10: 3, 20: 2 }),
      mrr,
    ]);
    const { args } = await floor({ onnx, manifest }, lot);
    const { out } = await score([...args, '--json']);
    expect(JSON.parse(out).lots[0].parts).toMatchObject({ scored: 2, notScored: { inference_failed: 1 } });
  });

  it("gives confidences for the floor's own rate of failing dies, with the same decisions", async () => {
    const { args, at } = await floor({ ...sums(), manifest: { ...sums().manifest, baseRate: 0.1 } });
    const rowsAt = async (name: string, ...more: string[]) => {
      await score([...args, ...more, '--out', at(name)]);
      const rows: Record<string, string>[] = parse(await readFile(at(name)), { columns: true });
      return rows.filter(({ prediction }) => prediction !== '');
    };
    const trained = await rowsAt('trained.csv');
    const rare = await rowsAt('rare.csv', '--base-rate', '0.01');
    const logOdds = (share: number) => Math.log(share / (1 - share));
    const failing = ({ prediction, confidence }: Record<string, string>) =>
      prediction === 'fail' ? Number(confidence) : 1 - Number(confidence);
    expect(rare.map(({ prediction, anomaly_score }) => [prediction, anomaly_score])).toEqual(
      trained.map(({ prediction, anomaly_score }) => [prediction, anomaly_score]),
    );
    const shifts = rare.map((row, i) => logOdds(failing(row)) - logOdds(failing(trained[i] ?? {})));
    expect(shifts).toHaveLength(5);
    for (const shift of shifts) expect(shift).toBeCloseTo(logOdds(0.01) - logOdds(0.1), 3);
    const text = 'confidences are right where 0.02% of dies fail, the training had 10%';
    expect((await score([...args, '--base-rate', '0.0002', '--report', at('r.html')])).out).toContain(text);
    expect(await readFile(at('r.html'), 'utf8')).toContain(text.slice(1));
    expect((await score(args)).out).toContain(
      'confidences are right where 10% of dies fail, that of the training',
    );
    expect(JSON.parse((await score([...args, '--base-rate', '0.01', '--json'])).out).baseRate).toEqual({
      trainedAt: 0.1,
      inForce: 0.01,
    });
  });

  it.each(['0', '1', '-0.1', '4%', '', 'NaN'])('refuses --base-rate "%s"', async (rate) => {
    const { args } = await floor({ ...sums(), manifest: { ...sums().manifest, baseRate: 0.1 } });
    expect(await problemsOf(score([...args, `--base-rate=${rate}`]))).toEqual([
      `--base-rate: found "${rate}", expected the share of failing dies, above 0 and below 1, such as 0.004`,
    ]);
  });

  it('refuses --base-rate for a model that does not say which one it was made for', async () => {
    const { args } = await floor();
    expect(await problemsOf(score([...args, '--base-rate', '0.01']))).toEqual([
      expect.stringContaining('--base-rate: model sum/1 does not say which base rate it was made for'),
    ]);
    expect(JSON.parse((await score([...args, '--json'])).out).baseRate).toEqual({
      trainedAt: null,
      inForce: null,
    });
  });

  it('says what was damaged and scores what can be read', async () => {
    const { args } = await floor(sums(), LOT.subarray(0, LOT.length - 100));
    const { out } = await score(args);
    expect(out).toContain('damaged: truncated_tail');
    expect(out).toContain('damaged: missing_mrr');
    expect(out).toMatch(/[1-7] scored/);
  });
});

describe('diegate score refuses', () => {
  it('a model whose tests are not in the lot, and says which, before it writes anything', async () => {
    const parameters = [...PARAMETERS, { name: 'GAIN', testNumber: 30 }];
    const { args, at, file } = await floor(sumVersion(3, { input: { name: 'test_params', parameters } }));
    const problems = await problemsOf(score([...args, '--out', at('out.csv')]));
    expect(problems).toEqual([
      `${file} lacks 1 of the 3 tests of model sum/1: 30 GAIN`,
      expect.stringContaining('--map tests.csv'),
    ]);
    await expect(stat(at('out.csv'))).rejects.toThrow('ENOENT');
  });

  it('a model that does not say which tests it reads', async () => {
    const { args } = await floor(sumVersion(2));
    expect((await problemsOf(score(args))).join()).toContain('no testNumber');
  });

  it('a file that is not there, or not STDF, by its name', async () => {
    const { args, at, file } = await floor(sums(), Buffer.from('a text file\n'));
    expect((await problemsOf(score(args))).join()).toContain(`${file}: `);
    const [, ...rest] = args;
    const gone = at('gone.stdf');
    expect((await problemsOf(score([gone, ...rest]))).join()).toContain(`${gone} cannot be read`);
  });

  it('an explanation that the model cannot give, and endings that it does not write', async () => {
    const onnx = logModel(2);
    const input = { name: 'test_params', parameters: PARAMETERS };
    const { args } = await floor({ onnx, manifest: manifestOf(onnx, 2, { name: 'log', input }) });
    expect((await problemsOf(score([...args, '--explain', '3']))).join()).toContain(
      'no contributions output',
    );
    expect((await problemsOf(score([...args, '--explain', '0']))).join()).toContain('--explain: found "0"');
    expect((await problemsOf(score([...args, '--out', 'x.xlsx']))).join()).toContain(
      '.csv, .ndjson, .parquet',
    );
  });
});

describe.skipIf(lot2Missing)(`the real lot${lot2Missing ? ` (${lot2Missing})` : ''}`, () => {
  it('is scored in exactly the parts that have results, and mapped by the last touchdowns', async () => {
    const { part_counts: counts, retest } = lot2Facts();
    const parameters = [{ name: 'glxy_SS_IH <> glxy_pin2', testNumber: 1000 }];
    const { args, at } = await floor(
      sumVersion(1, { input: { name: 'test_params', parameters }, threshold: 0.66 }),
    );
    const [, ...rest] = args;
    const { out } = await score([LOT2, ...rest, '--json', '--report', at('lot2.html')]);
    expect(JSON.parse(out).lots[0]).toMatchObject({
      parts: { parts: counts.total, scored: counts.with_ptr, notScored: { no_results: counts.without_ptr } },
      dies: { parts: counts.unique_xy, scored: retest.last_with_ptr },
    });
    const html = await readFile(at('lot2.html'), 'utf8');
    expect(html.match(/class="die"/g)).toHaveLength(counts.unique_xy);
    expect(html).toContain(`${(100 * retest.yield_last).toFixed(1)}%</b> tester's yield`);
    expect(html).toContain('V (limits -0.90 to -0.40)');
    expect(html.length).toBeLessThan(800_000);
  });
});
