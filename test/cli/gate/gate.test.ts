import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gateCommand } from '../../../src/cli/gate.js';
import { exitCodeOf } from '../../../src/errors.js';
import { simulateFiles } from '../../../src/training/simulate-files.js';
import { trainFiles } from '../../../src/training/train-files.js';
import { fileOf, mir, mrr, pir, prr, ptr } from '../../stdf/support.js';
import {
  logModel,
  manifestOf,
  sumVersion,
  type TestVersion,
  temporaryFolder,
  writeRepository,
} from '../../support/models.js';
import { WORKER } from '../../support/pool.js';
import { REPOSITORY_ROOT, ServerProcess } from '../../support/server-process.js';
import { correlatedDies, csvFile } from '../../training/fixtures.js';
import { scoreWithOrt } from '../../training/score-with-ort.js';
import { problemsOf, runCommand } from '../support.js';

const gate = (args: readonly string[]) =>
  runCommand((streams) => gateCommand({ streams, workerEntry: WORKER, timedCalls: 50 }), args);

// Time is not asserted: a shared machine may take what it likes.
const ANY_LATENCY = ['--max-p99-ms', '60000'];

const PARAMETERS = ['a', 'b'];
const named = (names: readonly string[]) => names.map((name) => ({ name }));

/** Fails a die when the magnitudes of its parameters add up to more than the threshold. */
function sums(version: string, threshold: number, names: readonly string[] = PARAMETERS): TestVersion {
  return sumVersion(names.length, {
    version,
    threshold,
    input: { name: 'test_params', parameters: named(names) },
  });
}

async function folders(...versions: TestVersion[]): Promise<string[]> {
  const root = await writeRepository(versions);
  return versions.map(({ manifest }) => join(root, manifest.name, manifest.version));
}

/** A thousand dies whose sums are 1 to 10; those above 5 really fail. Columns in another order than the model's. */
const THOUSAND = csvText(['b', 'label', 'a'], 1000, (i) => {
  const sum = 1 + ((i - 1) % 10);
  return [sum / 2, sum > 5 ? 'fail' : 'pass', -sum / 2];
});

/** The same of so many wafers. */
const onWafers = (wafers: number, dies = 1000) =>
  csvText(['b', 'label', 'a', 'wafer_id'], dies, (i) => {
    const sum = 1 + ((i - 1) % 10);
    return [sum / 2, sum > 5 ? 'fail' : 'pass', -sum / 2, `W${Math.ceil((i * wafers) / dies)}`];
  });

function csvText(header: string[], dies: number, row: (i: number) => (string | number)[]): string {
  const lines = Array.from({ length: dies }, (_, i) => row(i + 1).join(','));
  return `${header.join(',')}\n${lines.join('\n')}\n`;
}

async function versus(versions: TestVersion[], csv: string, args: string[] = []) {
  const [baseline = '', candidate = ''] = await folders(...versions);
  const data = await csvFile(csv);
  return gate([
    '--baseline',
    baseline,
    '--candidate',
    candidate,
    '--data',
    data,
    '--min-samples',
    '10',
    ...ANY_LATENCY,
    ...args,
  ]);
}

describe('diegate gate', () => {
  it('passes a candidate that holds every gate, and tells the figures', async () => {
    const report = join(await temporaryFolder(), 'report.json');
    const { out } = await versus([sums('1', 4.5), sums('2', 5.5)], THOUSAND, ['--json', report]);
    expect(out).toContain('1000 labelled dies, 500 of them fail; the data names no wafers');
    expect(out).toMatch(/accuracy +90\.00% +100\.00%/);
    expect(out).toMatch(/detection +100\.00% +100\.00%/);
    expect(out).toMatch(/false alarms +20\.00% +0\.00%/);
    expect(out).toContain('the versions agree on 90.00% of the dies');
    expect(out.match(/^holds /gm)).toHaveLength(8);
    expect(JSON.parse(await readFile(report, 'utf8'))).toMatchObject({
      verdict: 'holds',
      holds: true,
      dies: 1000,
      clustering: { by: 'die', clusters: 1000 },
      agreement: 0.9,
      baseline: { model: 'sum/1', correct: 900 },
      candidate: { model: 'sum/2', correct: 1000, unanswered: 0 },
    });
  });

  it('fails a worse candidate with a reason for each gate missed, and still writes the report', async () => {
    const report = join(await temporaryFolder(), 'report.json');
    const running = versus([sums('1', 5.5), sums('2', 8.5)], THOUSAND, [
      '--json',
      report,
      '--max-p99-ms',
      '0.001',
    ]);
    expect(await problemsOf(running)).toEqual([
      'sum/2 decides 70.00% of the dies rightly, sum/1 100.00%: a drop of 30.00 points (95% interval 27.21 to 32.91), allowed is a drop of 1',
      'sum/2 decides 70.00% of the dies rightly (95% interval 67.09 to 72.76), required are at least 80%',
      'sum/2 catches 40.00% of the bad dies, sum/1 100.00%: a drop of 60.00 points (95% interval 55.58 to 64.20), allowed is a drop of 5',
      expect.stringMatching(/^sum\/2 answers 99% of single dies within [\d.]+ ms, allowed are 0\.001 ms$/),
    ]);
    expect(JSON.parse(await readFile(report, 'utf8'))).toMatchObject({ verdict: 'missed', holds: false });
  });

  it('says open, with an exit code of its own, where the dies cannot tell, and how many would', async () => {
    const report = join(await temporaryFolder(), 'report.json');
    const versions = [sums('1', 5.5), sums('2', 5.5)];
    const args = ['--max-accuracy-drop', '0.2', '--max-false-alarm-rise', '0.5', '--json', report];
    const running = versus(versions, onWafers(5), args);
    const error = await running.then(
      () => undefined,
      (found: unknown) => found,
    );
    expect(exitCodeOf(error)).toBe(3);
    expect(await problemsOf(running)).toEqual([
      expect.stringMatching(
        /^sum\/2 decides 100\.00% .*: no change \(95% interval -2\.\d\d to 2\.\d\d\), allowed is a drop of 0\.2: these dies cannot tell, about [\d,]+ of \d+ wafers would$/,
      ),
      expect.stringMatching(
        /^sum\/2 fails 0\.00% of the good dies, .* allowed is a rise of 0\.5: these dies cannot tell/,
      ),
    ]);
    const { gates, ...rest } = JSON.parse(await readFile(report, 'utf8'));
    expect(rest).toMatchObject({ verdict: 'open', holds: false, clustering: { by: 'wafer', clusters: 5 } });
    expect(gates[0]).toMatchObject({
      gate: 'accuracy',
      verdict: 'open',
      measured: 0,
      required: 0.2,
      needed: { dies: expect.any(Number), wafers: expect.any(Number) },
    });
    // What was said is so.
    const { dies, wafers } = gates[0].needed;
    const { out } = await versus(versions, onWafers(wafers, dies), args.slice(0, 2));
    expect(out).toMatch(/^holds {2}accuracy/m);
  });

  it('says open of dies of one wafer, and of fewer dies than are asked for', async () => {
    const versions = [sums('1', 5.5), sums('2', 5.5)];
    expect(await problemsOf(versus(versions, onWafers(1)))).toContainEqual(
      expect.stringMatching(/dies of one wafer tell nothing of others, expected at least 2$/),
    );
    expect(await problemsOf(versus(versions, THOUSAND, ['--min-samples', '1001']))).toEqual([
      'the labelled set has 1000 dies, required are at least 1001',
    ]);
  });

  it('allows the drop that it is told to allow', async () => {
    const { out } = await versus([sums('1', 5.5), sums('2', 8.5)], THOUSAND, [
      ...['--max-accuracy-drop', '33', '--min-accuracy', '67', '--max-detection-drop', '65'],
    ]);
    expect(out).toContain('a drop of 30.00 points (95% interval 27.21 to 32.91), allowed is a drop of 33');
  });

  it('counts a die that the model cannot score as wrong', async () => {
    const onnx = logModel(2);
    const candidate = {
      onnx,
      manifest: manifestOf(onnx, 2, {
        name: 'sum',
        version: '2',
        threshold: 1e9,
        input: {
          name: 'test_params',
          parameters: [
            { name: 'a', expected: 1 },
            { name: 'b', expected: 1 },
          ],
        },
      }),
    };
    const csv = csvText(['a', 'b', 'label'], 1000, (n) => {
      const i = 1 + ((n - 1) % 10);
      return [i > 8 ? 0 : i, i, i > 9 ? 'fail' : 'pass'];
    });
    const { out } = await versus([sums('1', 1e9), candidate], csv, [
      ...['--max-accuracy-drop', '50', '--min-accuracy', '70', '--min-detection', '0'],
    ]);
    expect(out).toMatch(/without an answer +0 +200/);
    expect(out).toMatch(/accuracy +90\.00% +80\.00%/);
  });

  it('tells what wrong decisions cost, and misses where the candidate costs more', async () => {
    const costs = ['--escape-cost', '100', '--overkill-cost', '1', '--max-cost-rise', '500'];
    const { out } = await versus([sums('1', 4.5), sums('2', 5.5)], THOUSAND, costs);
    expect(out).toMatch(/cost of 1,000 dies +100\.00 +0\.00/);
    expect(out).toMatch(/threshold of least cost +5\.5000 +5\.5000/);
    const dearer = ['--max-detection-drop', '100', '--max-accuracy-drop', '10', ...costs];
    expect(await problemsOf(versus([sums('1', 4.5), sums('2', 6.5)], THOUSAND, dearer))).toEqual([
      expect.stringMatching(
        /^the wrong decisions of 1,000 dies cost 10000\.00 with sum\/2, 100\.00 with sum\/1: 9900\.00 more \(95% interval 8\d+\.\d\d to 1\d+\.\d\d\), allowed are 500\.00 \(500%\)$/,
      ),
    ]);
    expect(await problemsOf(versus([sums('1', 5), sums('2', 5)], THOUSAND, ['--escape-cost', '1']))).toEqual([
      'expected both of --escape-cost and --overkill-cost, found one',
    ]);
  });

  it('tells groups apart that the data names, and refuses others', async () => {
    const versions = [sums('1', 5.5), sums('2', 5.5)];
    const csv = csvText(['a', 'b', 'label', 'equipment_id'], 1000, (n) => {
      const i = 1 + ((n - 1) % 10);
      return [i, 0, i > 5 ? 'fail' : 'pass', `T${n % 2}`];
    });
    const { out } = await versus(versions, csv, ['--by', 'equipment_id']);
    expect(out).toContain('none of 2 groups is worse');
    expect(await problemsOf(versus(versions, csv, ['--by', 'site']))).toEqual([
      expect.stringMatching(/no column site, expected by --by$/),
    ]);
    expect(await problemsOf(versus(versions, csv, ['--by', 'colour']))).toEqual([
      '--by: found "colour", expected equipment_id, site, lot_id',
    ]);
  });

  it('refuses data that does not fit, naming both versions and what each lacks', async () => {
    const csv = csvText(['a', 'label'], 4, (i) => [i, i > 2 ? 'fail' : 'pass']);
    const onnx = sumVersion(3);
    const counted = { ...onnx, manifest: { ...onnx.manifest, version: '2' } };
    expect(await problemsOf(versus([sums('1', 5), counted], csv))).toEqual([
      expect.stringMatching(/^sum\/1 and sum\/2 cannot be compared on .*dies\.csv:$/),
      'sum/1 reads 1 of 2 parameters that the data lacks: b',
      'sum/2 reads 3 parameters, the data has 1',
    ]);
  });

  it('refuses missing values where a version does not accept them', async () => {
    const csv = csvText(['a', 'b', 'label'], 4, (i) => [i, i === 3 ? '' : 1, i > 2 ? 'fail' : 'pass']);
    expect(await problemsOf(versus([sums('1', 5), sums('2', 5)], csv))).toEqual([
      expect.stringContaining('cannot be compared'),
      'sum/1 does not accept missing values, die 3 of the data lacks one',
      'sum/2 does not accept missing values, die 3 of the data lacks one',
    ]);
  });

  it('refuses data without labels, or with good or bad dies only', async () => {
    const versions = [sums('1', 5), sums('2', 5)];
    const unlabelled = csvText(['a', 'b'], 4, (i) => [i, i]);
    expect(await problemsOf(versus(versions, unlabelled))).toEqual([
      expect.stringMatching(/no column "label"/),
    ]);
    const good = csvText(['a', 'b', 'label'], 4, (i) => [i, i, 'pass']);
    expect(await problemsOf(versus(versions, good))).toEqual([
      expect.stringMatching(/found 4 passing and 0 failing dies, expected some of both/),
    ]);
  });

  it('reads STDF lots, by the verdict of the last touchdown', async () => {
    const part = (x: number, value: number, fails: boolean, partFlg = 0) => [
      pir(1, 0),
      ptr(10, value, { testTxt: 'a' }),
      ptr(20, 0, { testTxt: 'b' }),
      prr(1, 0, { xCoord: x, yCoord: 0, partFlg: partFlg + (fails ? 8 : 0), partId: String(x) }),
    ];
    const lot = fileOf([
      mir,
      ...part(1, 1, false),
      ...part(2, 9, true),
      ...part(3, 9, true),
      ...part(3, 2, false, 2),
      pir(1, 0),
      prr(1, 0, { xCoord: 4, yCoord: 0, partFlg: 8, partId: '4' }),
      mrr,
    ]);
    const file = join(await temporaryFolder(), 'lot.stdf');
    await writeFile(file, lot);
    const parameters = [
      { name: 'a', testNumber: 10 },
      { name: 'b', testNumber: 20 },
    ];
    const version = (number: string, threshold: number) =>
      sumVersion(2, { version: number, threshold, input: { name: 'test_params', parameters } });
    const [baseline = '', candidate = ''] = await folders(version('1', 5), version('2', 1.5));
    const args = [
      '--baseline',
      baseline,
      '--candidate',
      candidate,
      '--data',
      file,
      '--min-samples',
      '3',
      ...ANY_LATENCY,
    ];
    const { out } = await gate([
      ...args,
      ...['--max-accuracy-drop', '100', '--min-accuracy', '0', '--max-detection-drop', '100'],
      ...['--min-detection', '0', '--max-false-alarm-rise', '100', '--max-false-alarms', '100'],
      ...['--by', 'site,lot_id'],
    ]);
    expect(out).toContain('none of 2 groups is worse');
    expect(out).toContain('3 labelled dies, 1 of them fail');
    expect(out).toMatch(/accuracy +100\.00% +66\.67%/);
  });

  it('refuses a lot whose tests are others than the models’, naming both sides for each version', async () => {
    const part = (x: number, fails: boolean) => [
      pir(1, 0),
      ptr(10, 1, { testTxt: 'IDD', units: 'A' }),
      ptr(20, 1, { testTxt: 'b' }),
      prr(1, 0, { xCoord: x, yCoord: 0, partFlg: fails ? 8 : 0, partId: String(x) }),
    ];
    const file = join(await temporaryFolder(), 'lot.stdf');
    await writeFile(file, fileOf([mir, ...part(1, false), ...part(2, true), mrr]));
    const parameters = [
      { name: 'VOH', testNumber: 10 },
      { name: 'b', testNumber: 20 },
    ];
    const version = (number: string) =>
      sumVersion(2, { version: number, input: { name: 'test_params', parameters } });
    const [baseline = '', candidate = ''] = await folders(version('1'), version('2'));
    const problems = await problemsOf(
      gate(['--baseline', baseline, '--candidate', candidate, '--data', file, ...ANY_LATENCY]),
    );
    for (const key of ['sum/1', 'sum/2']) {
      expect(problems).toContain(
        `${file}: 1 of the 2 tests of model ${key} is another test in the lot, so it is not scored`,
      );
    }
    expect(problems.filter((line) => line.includes('model: 10 VOH; lot: 10 IDD [A]'))).toHaveLength(2);
  });

  it('reads options and outputs before it does any work', async () => {
    const data = await csvFile(THOUSAND);
    expect(
      await problemsOf(
        gate([
          '--baseline',
          'x/1',
          '--candidate',
          'x/2',
          '--data',
          data,
          '--min-samples',
          '0',
          '--max-accuracy-drop',
          '-1',
        ]),
      ),
    ).toEqual([expect.stringMatching(/^--max-accuracy-drop/), expect.stringMatching(/^--min-samples/)]);
    expect(
      await problemsOf(gate(['--baseline', 'x/1', '--candidate', 'x/2', '--data', data, '--json', data])),
    ).toEqual([expect.stringContaining('is the input')]);
  });
});

describe('diegate gate on trained versions', () => {
  const train = async (out: string, csv: string, parameters: number, falseAlarmRate = 0.01) => {
    await trainFiles({
      out,
      csv: [await csvFile(csv, 'train.csv')],
      falseAlarmRate,
      created: '2026-01-01T00:00:00Z',
      codeVersion: '0',
      rebuild: [],
      scoreDies: scoreWithOrt(parameters),
    });
    return out;
  };

  it('lets a version that was trained again follow, and one that fails half of the good dies not', async () => {
    const root = await temporaryFolder();
    const first = await train(join(root, 'small', '1'), correlatedDies(600, 6, 20), 6);
    const second = await train(join(root, 'small', '2'), correlatedDies(700, 6, 20), 6);
    const worse = await train(join(root, 'small', '3'), correlatedDies(600, 6, 20), 6, 0.5);
    const data = await csvFile(correlatedDies(1000, 6, 10), 'labelled.csv');
    const args = (candidate: string) => [
      '--baseline',
      first,
      '--candidate',
      candidate,
      '--data',
      data,
      ...ANY_LATENCY,
    ];
    expect((await gate(args(second))).out.match(/^holds /gm)).toHaveLength(8);
    expect(await problemsOf(gate(args(worse)))).toEqual([
      expect.stringMatching(
        /^small\/3 decides [4-7]\d\.\d\d% of the dies rightly, small\/1 9\d\.\d\d%: a drop of/,
      ),
      expect.stringMatching(/^small\/3 decides .* required are at least 80%$/),
      expect.stringMatching(/^small\/3 fails .*: a rise of .*, allowed is a rise of 2$/),
      expect.stringMatching(/^small\/3 fails .* of the good dies .*, allowed are 10%$/),
    ]);
  });

  it('ends as a process with exit code 1 and its reasons: the shipped model against one that passes every die', async () => {
    const root = await temporaryFolder();
    const data = join(root, 'lot.csv');
    await simulateFiles({ seed: 5, lots: 1, wafersPerLot: 24, diesAcross: 12, defectRate: 4, output: data });
    const shipped = join(REPOSITORY_ROOT, 'models', 'die-defect', '1');
    const manifest = JSON.parse(await readFile(join(shipped, 'manifest.json'), 'utf8'));
    const blind = {
      onnx: await readFile(join(shipped, 'model.onnx')),
      manifest: { ...manifest, version: '2', threshold: 1e9 },
    };
    const [candidate = ''] = await folders(blind);
    const args = ['--baseline', shipped, '--data', data, '--min-samples', '100', ...ANY_LATENCY];
    expect((await gate([...args, '--candidate', shipped])).out).toContain('agree on 100.00%');
    const failed = await new ServerProcess({}, { args: ['gate', ...args, '--candidate', candidate] }).ended;
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(
      /^diegate: die-defect\/2 decides .* rightly, die-defect\/1 .*: a drop of .*, allowed is a drop of 1\ndiegate: .*, required are at least 80%\ndiegate: die-defect\/2 catches 0\.00% .* allowed is a drop of 5\ndiegate: die-defect\/2 catches 0\.00% of the bad dies .*, required are at least 10%\n$/,
    );
  });
});
