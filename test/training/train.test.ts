import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { trainCommand } from '../../src/cli/train.js';
import { ReferenceSchema } from '../../src/models/manifest/reference.js';
import { ScreenManifestSchema } from '../../src/models/manifest/task-manifests.js';
import type { ScoreDies } from '../../src/training/version/check-graph.js';
import { Collector } from '../support/collector.js';
import { correlatedDies, csvFile, problemsOf, temporaryFolder } from './fixtures.js';
import { runWithOrt, scoreWithOrt } from './score-with-ort.js';

const CREATED = ['--created', '2026-01-02T03:04:05Z'];

async function run(args: readonly string[], scoreDies: ScoreDies): Promise<string> {
  const stdout = new Collector();
  const streams = { stdout, stderr: new Collector() };
  await trainCommand({ scoreDies, streams }).parseAsync([...args], { from: 'user' });
  return stdout.text;
}

async function versionFolder(): Promise<string> {
  return join(await temporaryFolder(), 'screen', '1');
}

async function trainOn(text: string, parameters: number, ...args: string[]) {
  const out = await versionFolder();
  const printed = await run(
    [await csvFile(text), '--out', out, ...CREATED, ...args],
    scoreWithOrt(parameters),
  );
  const file = async (name: string) => readFile(join(out, name), 'utf8');
  return {
    out,
    printed,
    card: await file('MODEL_CARD.md'),
    manifest: ScreenManifestSchema.parse(JSON.parse(await file('manifest.json'))),
    reference: ReferenceSchema.parse(JSON.parse(await file('reference.json'))),
  };
}

describe('diegate train', () => {
  it('writes a whole version that its schemas accept and ONNX Runtime runs', async () => {
    const { out, manifest, reference, card } = await trainOn(correlatedDies(400, 16, 8), 16);
    expect((await readdir(out)).sort()).toEqual([
      'MODEL_CARD.md',
      'manifest.json',
      'model.onnx',
      'reference.json',
    ]);
    expect(await readdir(join(out, '..'))).toEqual(['1']);
    expect(manifest).toMatchObject({
      name: 'screen',
      version: '1',
      threshold: 1,
      input: { missing: 'reject' },
    });
    expect(manifest.lineage).toMatchObject({ rows: 400, created: '2026-01-02T03:04:05Z' });
    const bytes = await readFile(join(out, 'model.onnx'));
    expect(manifest.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(reference.parameters).toHaveLength(16);
    expect(reference.dies).toBe(350);
    expect(card).toContain('Yue and S. J. Qin');
    expect(card).toContain(`--out ${out} `);
  });

  it('takes missing values for the mean, and says so in the contract', async () => {
    const lines = correlatedDies(400, 16, 8).split('\n');
    const text = lines.map((line, i) => (i % 7 === 3 ? line.replace(/,[^,]*$/, ',') : line)).join('\n');
    const { out, manifest, reference } = await trainOn(text, 16);
    expect(manifest.input.missing).toBe('impute');
    // Nothing is measured after the last parameter, so that its missing values may be stops.
    expect(reference.parameters[15]?.stoppedRate).toBeGreaterThan(0.1);
    const centres = Array.isArray(manifest.input.parameters) ? manifest.input.parameters : [];
    const params = Float32Array.from({ length: 32 }, (_, i) =>
      i < 16 ? Number.NaN : (centres[i - 16]?.expected ?? 0),
    );
    const { scores } = await runWithOrt(join(out, 'model.onnx'), params, 16);
    expect(scores[0]).toBe(0);
    expect(scores[1]).toBeCloseTo(0, 6);
  });

  it('refuses --missing reject where the training data has missing values', async () => {
    const csv = await csvFile(`${correlatedDies(100, 4)}pass,1,2,3,\n`);
    const args = [csv, '--out', await versionFolder(), '--missing', 'reject'];
    expect((await problemsOf(() => run(args, scoreWithOrt(4))))[0]).toContain('--missing reject');
  });

  it('keeps constant and mostly empty parameters in the contract, with weight zero', async () => {
    const [header = '', ...rows] = correlatedDies(200, 6, 9).trimEnd().split('\n');
    const text = [`${header},flat,rare`, ...rows.map((row, i) => `${row},7,${i % 10 === 0 ? i : ''}`)].join(
      '\n',
    );
    const { out, manifest, card, printed } = await trainOn(text, 8);
    expect(manifest.input.parameters).toHaveLength(8);
    expect(card).toContain('Constant on the fitting dies: flat.');
    expect(printed).toContain('weight zero: 1 (rare)');
    const die = [10, 10, 10, 10, 10, 10];
    const params = Float32Array.from([...die, 7, 1, ...die, -3e38, 3e38]);
    const { scores, contributions } = await runWithOrt(join(out, 'model.onnx'), params, 8);
    expect(scores[1]).toBe(scores[0]);
    expect([...contributions.subarray(14, 16)]).toEqual([0, 0]);
  });

  it('learns from unlabelled dies, and does not claim to know what it catches', async () => {
    const text = correlatedDies(200, 6).replaceAll(/^(label|pass),/gm, '');
    const { manifest, card } = await trainOn(text, 6);
    expect(manifest.calibration).toMatchObject({ basis: 'nominal', intercept: 0 });
    expect(manifest.metrics).not.toHaveProperty('detectionRate');
    expect(card).toContain('Without labels nothing can be said');
  });

  it('takes units, test numbers and limits from a parameter table', async () => {
    const table = await csvFile('name,unit,test_number,low_limit,high_limit\np0,V,1001,5,15\np1,,,,\n');
    const { manifest, card } = await trainOn(correlatedDies(200, 4, 8), 4, '--parameter-table', table);
    expect(manifest.input.parameters).toMatchObject([
      { name: 'p0', unit: 'V', testNumber: 1001, lowLimit: 5, highLimit: 15 },
      { name: 'p1' },
      { name: 'p2' },
      { name: 'p3' },
    ]);
    expect(card).toContain('limits of the test program alone catch | 100%');
  });

  it('gives the same bytes again', async () => {
    const text = correlatedDies(200, 6, 8);
    const csv = await csvFile(text);
    const folder = await temporaryFolder();
    const out = join(folder, 'screen', '1');
    const files = async () =>
      Promise.all((await readdir(out)).map((name) => readFile(join(out, name), 'hex')));
    await run([csv, '--out', out, ...CREATED], scoreWithOrt(6));
    const first = await files();
    await run([csv, '--out', out, ...CREATED, '--force'], scoreWithOrt(6));
    expect(await files()).toEqual(first);
    expect(await readdir(join(folder, 'screen'))).toEqual(['1']);
  });

  it('prints a summary for machines', async () => {
    const { printed, out } = await trainOn(correlatedDies(200, 6, 8), 6, '--json');
    expect(JSON.parse(printed)).toMatchObject({
      folder: out,
      name: 'screen',
      version: '1',
      dies: 200,
      splitBy: 'die',
    });
  });

  it.each([
    ['a single parameter', 1],
    ['fewer dies than parameters', 90],
  ])('works with %s', async (_what, parameters) => {
    const { manifest } = await trainOn(correlatedDies(60, parameters), parameters);
    expect(manifest.metrics.falseAlarmRate).toBeLessThan(0.5);
  });
});

describe('diegate train refuses', () => {
  const train = async (text: string, ...args: string[]) => {
    const csv = await csvFile(text);
    const out = await versionFolder();
    return problemsOf(() => run([csv, '--out', out, ...args], scoreWithOrt(4)));
  };

  it('fewer than twenty passing dies', async () => {
    expect(await train(correlatedDies(19, 4))).toEqual([
      expect.stringContaining('found 19 passing dies of 19'),
    ]);
    expect(await train('label,a\nfail,1\nfail,2\n')).toEqual([
      expect.stringContaining('found 0 passing dies of 2'),
    ]);
  });

  it('dies that are all alike', async () => {
    expect((await train(`a,b\n${'1,2\n'.repeat(50)}`))[0]).toContain('nothing to learn');
  });

  it('options that are out of bounds', async () => {
    const text = correlatedDies(50, 4);
    expect((await train(text, '--false-alarm-rate', '2'))[0]).toContain('--false-alarm-rate: found "2"');
    expect((await train(text, '--components', '9'))[0]).toContain(
      '--components: found 9, expected at most 4',
    );
    expect((await train(text, '--created', 'yesterday'))[0]).toContain('--created: found "yesterday"');
  });

  it('a folder that names no version', async () => {
    const csv = await csvFile(correlatedDies(50, 4));
    for (const out of ['/tmp/x/v1', '/tmp/x/0', '/tmp/bad name/1']) {
      expect((await problemsOf(() => run([csv, '--out', out], scoreWithOrt(4))))[0]).toContain(out);
    }
  });

  it('to touch a version that exists', async () => {
    const { out } = await trainOn(correlatedDies(100, 4), 4);
    await writeFile(join(out, 'MODEL_CARD.md'), 'mine');
    const csv = await csvFile(correlatedDies(100, 4));
    expect((await problemsOf(() => run([csv, '--out', out], scoreWithOrt(4))))[0]).toContain('--force');
    expect(await readFile(join(out, 'MODEL_CARD.md'), 'utf8')).toBe('mine');
  });

  it('a graph that does not score as the reference does, and leaves nothing behind', async () => {
    const csv = await csvFile(correlatedDies(100, 4));
    const out = await versionFolder();
    const wrong: ScoreDies = async (file, params) =>
      (await scoreWithOrt(4)(file, params)).map((score) => score * 1.01);
    expect((await problemsOf(() => run([csv, '--out', out], wrong)))[0]).toContain('the graph scores die 0');
    expect(await readdir(join(out, '..'))).toEqual([]);
  });

  it('a parameter table that is not one', async () => {
    const table = await csvFile('name,test_number\np0,high\n');
    const [problem] = await train(correlatedDies(50, 4), '--parameter-table', table);
    expect(problem).toContain('test_number');
  });
});
