import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkCommand } from '../../../src/cli/check.js';
import { encodeOnnx } from '../../../src/training/onnx/encode.js';
import type { OnnxModel } from '../../../src/training/onnx/model.js';
import { attribute, node, onnxGraph, valueInfo } from '../../support/graphs.js';
import {
  logModel,
  manifestOf,
  sumModel,
  sumVersion,
  type TestVersion,
  temporaryFolder,
  writeRepository,
} from '../../support/models.js';
import { WORKER } from '../../support/pool.js';
import { problemsOf, runCommand } from '../support.js';

const check = (...args: string[]) =>
  runCommand((streams) => checkCommand({ streams, workerEntry: WORKER }), args);

async function folderOf(version: TestVersion): Promise<string> {
  const root = await writeRepository([version]);
  return join(root, version.manifest.name, version.manifest.version);
}

/** A version folder with a model and without a manifest. */
async function bare(onnx: Uint8Array, name = 'model.onnx'): Promise<string> {
  const file = join(await temporaryFolder(), 'mine', '2', name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, onnx);
  return file;
}

function identity(changes: Partial<OnnxModel> = {}): Uint8Array {
  return encodeOnnx({
    graphName: 'test',
    producer: { name: 'diegate-test', version: '0' },
    opset: 17,
    inputs: [{ name: 'x', dims: ['N', 1] }],
    outputs: [{ name: 'y', dims: ['N', 1] }],
    initializers: [],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    ...changes,
  });
}

describe('diegate check of a version with a manifest', () => {
  it('says that it can be served', async () => {
    const { out } = await check(await folderOf(sumVersion(3)));
    expect(out).toContain('sum/1 can be served: anomaly-screen, 3 parameters, missing values are rejected');
    expect(out).toContain('each has the same outputs to the last bit whatever is beside it');
  });

  it('compares the golden rows, and names the row that is scored otherwise', async () => {
    const golden = {
      rows: [
        [1, 2, 3],
        [4, 5, 6],
      ],
      scores: [6, 15],
    };
    const { out } = await check(await folderOf({ ...sumVersion(3), golden }));
    expect(out).toContain('2 golden rows are scored as golden.json says');
    const missed = await folderOf({ ...sumVersion(3), golden: { ...golden, scores: [6, 16] } });
    expect(await problemsOf(check(missed))).toEqual([
      'model sum/1: golden.json: row 1: expected 16 within 0.0016, found 15',
    ]);
    const narrow = await folderOf({ ...sumVersion(3), golden: { ...golden, rows: [[1], [2]] } });
    expect(await problemsOf(check(narrow))).toContain(
      'model sum/1: golden.json: rows.0: expected 3 values, found 1',
    );
  });

  it('measures what the ways of running dies cost that depend on their batch, and says which one serves', async () => {
    const coefficients = attribute('coefficients', { floats: [0.1, 0.7, -1.3, 2.1, -0.9] });
    const attributes = [coefficients, attribute('intercepts', { floats: [0.3] })];
    const onnx = onnxGraph({
      inputs: [valueInfo('test_params', [5])],
      outputs: [valueInfo('anomaly_score', [1])],
      nodes: [node('LinearRegressor', ['test_params'], ['anomaly_score'], attributes, 'ai.onnx.ml')],
    });
    const sha256 = createHash('sha256').update(onnx).digest('hex');
    const calibration = { method: 'logistic-score', slope: 1, intercept: 0, basis: 'nominal' } as const;
    const { out } = await check(
      await folderOf({ onnx, manifest: manifestOf(onnx, 5, { name: 'sums', sha256, calibration }) }),
    );
    const lines = out.split('\n').filter((line) => line.includes(' ms a die alone, '));
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.filter((line) => line.includes('(as served)'))).toHaveLength(1);
    expect(lines[0]).toMatch(/^ {4}one at a time(?: \(as served\))?: \d+\.\d{3} ms a die alone, /);
    expect(out).toContain('another of these is asked for by "batching": { "rowsPerRun": n } in the manifest');
  });

  it('tells every problem of the manifest, the checksum and the graph at once', async () => {
    const version = sumVersion(3, {
      version: '4',
      input: { name: 'wrong', parameters: 5 },
      sha256: '0'.repeat(64),
    });
    const problems = await problemsOf(check(await folderOf(version)));
    expect(problems).toEqual([
      expect.stringMatching(/^model sum\/4: model\.onnx has sha256 \w+, manifest\.json says 0+$/),
      expect.stringMatching(/^model sum\/4: the manifest names input "wrong", the graph has "test_params"$/),
      expect.stringMatching(/^model sum\/4: the graph also needs input "test_params"/),
      expect.stringMatching(/^model sum\/4: output "contributions" has shape \[N, 3\]/),
    ]);
  });

  it('refuses a score that is not finite', async () => {
    const onnx = logModel(2);
    const folder = await folderOf({ onnx, manifest: manifestOf(onnx, 2, { name: 'log' }) });
    expect(await problemsOf(check(folder))).toEqual([
      expect.stringMatching(
        /^model log\/1: output "anomaly_score" is -Infinity for the expected measurement, expected/,
      ),
    ]);
  });

  it('tells of a damaged model and of a damaged manifest together', async () => {
    const folder = await folderOf(sumVersion(3));
    await writeFile(join(folder, 'model.onnx'), 'not a model');
    await writeFile(join(folder, 'manifest.json'), '{');
    expect(await problemsOf(check(folder))).toEqual([
      expect.stringMatching(/manifest\.json is not JSON/),
      expect.stringMatching(/model\.onnx cannot be run: /),
    ]);
  });
});

describe('diegate check of a model without a manifest', () => {
  it('prints the draft, and on standard error what a person has to do', async () => {
    const file = await bare(sumModel(3));
    const { out, progress } = await check(dirname(file));
    expect(JSON.parse(out)).toMatchObject({
      name: 'mine',
      version: '2',
      task: 'anomaly-screen',
      input: { name: 'test_params', parameters: 3 },
      outputs: { score: 'anomaly_score', contributions: 'contributions' },
      threshold: null,
    });
    expect(progress).toMatch(
      /^This manifest is a draft\. Still to be done, or to be looked at:\n {2}task: guessed/,
    );
    expect(progress).toMatch(/\n {2}threshold: /);
  });

  it('writes it where asked, never over another, and a person makes it a version by filling it in', async () => {
    const folder = dirname(await bare(sumModel(3)));
    const manifestFile = join(folder, 'manifest.json');
    await check(folder, '--write');
    const drafted = JSON.parse(await readFile(manifestFile, 'utf8'));
    expect(await problemsOf(check(folder))).toContainEqual(
      expect.stringMatching(/^model mine\/2: manifest\.json: threshold: expected a number, found null$/),
    );
    await writeFile(
      manifestFile,
      JSON.stringify({
        ...drafted,
        threshold: 2,
        calibration: { ...drafted.calibration, slope: 1, intercept: 0 },
        lineage: { data: 'mine', rows: 1, codeVersion: 'x', created: '2026-01-01T00:00:00Z' },
      }),
    );
    expect((await check(folder)).out).toContain('mine/2 can be served');
    await check(folder, '--write', '--force');
    expect(JSON.parse(await readFile(manifestFile, 'utf8'))).toEqual(drafted);
  });

  it('drafts for a file of another name too, choosing the name by it', async () => {
    const file = await bare(sumModel(3), 'my export (1).onnx');
    const { out, progress } = await check(file);
    expect(JSON.parse(out)).toMatchObject({ name: 'my-export--1-', version: '1' });
    expect(progress).toContain('the server expects models/my-export--1-/1/model.onnx');
    await writeFile(join(dirname(file), 'manifest.json'), 'kept');
    expect(await problemsOf(check(file, '--write'))).toEqual([
      expect.stringMatching(/manifest\.json exists/),
    ]);
  });

  it('drafts a classification, and a person makes it a version by naming its labels', async () => {
    const onnx = identity({
      inputs: [{ name: 'x', dims: ['N', 3] }],
      outputs: [{ name: 'probabilities', dims: ['N', 3] }],
      nodes: [{ op: 'Softmax', inputs: ['x'], outputs: ['probabilities'], attributes: { axis: 1n } }],
    });
    const folder = dirname(await bare(onnx));
    const drafted = JSON.parse((await check(folder)).out);
    const lineage = { data: 'mine', rows: 1, codeVersion: 'x', created: '2026-01-01T00:00:00Z' };
    const manifest = { ...drafted, labels: ['good', 'edge', 'scratch'], passLabels: ['good'], lineage };
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
    expect((await check(folder)).out).toContain('mine/2 can be served: classification, 3 parameters');
  });

  it('says when the score of a die of zeros is not finite', async () => {
    const { progress } = await check(await bare(logModel(2)));
    expect(progress).toContain('the output is not finite for a die of all zeros');
  });

  it.each([
    ['cut off', sumModel(3).subarray(0, 60), /is no ONNX model/],
    ['empty', new Uint8Array(0), /is empty/],
    ['no model at all', Buffer.from('hello, I am a text file'), /is no ONNX model/],
    ['a Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\n'), /git lfs pull/],
    ['of an operator set that is too new', identity({ opset: 99 }), /opset 99, newer than ONNX Runtime/],
    [
      'with an operator that is not known',
      identity({ nodes: [{ op: 'Wishful', inputs: ['x'], outputs: ['y'] }] }),
      /cannot be run: /,
    ],
  ])('refuses one that is %s, in one line', async (_what, onnx, reason) => {
    const file = await bare(onnx);
    const problems = await problemsOf(check(file));
    expect(problems).toHaveLength(1);
    expect(problems[0]?.startsWith(file)).toBe(true);
    expect(problems[0]).toMatch(reason);
    expect(problems[0]).not.toContain('\n');
  });

  it.each([
    [
      'a fixed batch',
      identity({ inputs: [{ name: 'x', dims: [8, 1] }], outputs: [{ name: 'y', dims: [8, 1] }] }),
      /fixed batch of 8: dies are run 8 at a time, padded.*check --fix/,
    ],
    ['strings', withStrings(identity()), /the categories \(texts\) that the graph knows/],
  ])('drafts one of %s, and says what that means', async (_what, onnx, note) => {
    expect((await check(await bare(onnx))).progress).toMatch(note);
  });

  it('refuses a path where nothing is, and options that contradict each other', async () => {
    expect(await problemsOf(check('/nowhere/1'))).toEqual([
      expect.stringMatching(/\/nowhere\/1 is not there/),
    ]);
    expect(await problemsOf(check('/nowhere/1', '--force'))).toEqual([expect.stringMatching(/^--force/)]);
    expect(await problemsOf(check('/nowhere/1', '--parameters', '0'))).toEqual([
      expect.stringMatching(/^--parameters/),
    ]);
  });
});

/** The same graph with inputs and outputs of strings: the writer of ONNX files knows numbers only. */
function withStrings(onnx: Uint8Array): Uint8Array {
  const copy = Buffer.from(onnx);
  // TypeProto.Tensor: elem_type (field 1) is FLOAT (1), then shape (field 2); STRING is 8.
  for (let at = copy.indexOf('080112', 0, 'hex'); at >= 0; at = copy.indexOf('080112', at + 1, 'hex')) {
    copy[at + 1] = 8;
  }
  return copy;
}
