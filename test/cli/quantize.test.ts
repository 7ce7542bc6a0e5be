import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { quantizeCommand } from '../../src/cli/quantize.js';
import { type OfflineEngine, withEngine } from '../../src/cli/score/engine.js';
import { versionAt } from '../../src/cli/version-at.js';
import { readOnnx } from '../../src/models/graph/onnx-file.js';
import type { NodeProto } from '../../src/models/graph/onnx-messages.js';
import { numbers } from '../support/dense-model.js';
import { attribute, floats, node, onnxGraph, valueInfo, wholes } from '../support/graphs.js';
import {
  fillRepository,
  type ManifestInput,
  manifestOf,
  sumVersion,
  temporaryFolder,
} from '../support/models.js';
import { WORKER } from '../support/pool.js';
import { problemsOf, runCommand } from './support.js';

// Each of them starts five worker processes.
vi.setConfig({ testTimeout: 120_000 });

const random = numbers(5);
const weights = (name: string, ...dims: number[]) => {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return floats(
    name,
    dims,
    Float32Array.from({ length: size }, () => random() / Math.sqrt(dims.at(-1) ?? 1)),
  );
};

const P = 36;

/** A dense network as PyTorch and Keras write them (Gemm, and MatMul with Add), its score the mean magnitude of its output. */
const dense = onnxGraph({
  inputs: [valueInfo('test_params', [P])],
  outputs: [valueInfo('anomaly_score', [])],
  initializers: [
    weights('w1', 48, P),
    weights('b1', 48),
    weights('w2', 48, 32),
    weights('b2', 32),
    weights('w3', 32, P),
    wholes('one', [1]),
  ],
  nodes: [
    node('Gemm', ['test_params', 'w1', 'b1'], ['h1'], [attribute('transB', { i: 1 })]),
    node('Relu', ['h1'], ['r1']),
    node('MatMul', ['r1', 'w2'], ['m2']),
    node('Add', ['m2', 'b2'], ['h2']),
    node('Relu', ['h2'], ['r2']),
    node('MatMul', ['r2', 'w3'], ['out']),
    node('Abs', ['out'], ['magnitudes']),
    node('ReduceSum', ['magnitudes', 'one'], ['anomaly_score'], [attribute('keepdims', { i: 0 })]),
  ],
});

/** A wafer map of 6 × 6 through two convolutions. */
const convolutional = onnxGraph({
  inputs: [valueInfo('test_params', [1, 6, 6])],
  outputs: [valueInfo('anomaly_score', [])],
  initializers: [
    weights('w1', 4, 1, 3, 3),
    weights('b1', 4),
    weights('w2', 2, 4, 3, 3),
    wholes('all', [1, 2, 3]),
  ],
  nodes: [
    node('Conv', ['test_params', 'w1', 'b1'], ['c1'], [attribute('pads', { ints: [1, 1, 1, 1] })]),
    node('Relu', ['c1'], ['r1']),
    node('Conv', ['r1', 'w2'], ['c2']),
    node('Abs', ['c2'], ['magnitudes']),
    node('ReduceSum', ['magnitudes', 'all'], ['anomaly_score'], [attribute('keepdims', { i: 0 })]),
  ],
});

const DIES = 200;
const rows = Float32Array.from({ length: DIES * P }, () => 3 * random());

/** A repository with version 1 of a model, and labelled dies, of which every fourth fails. */
async function floor(onnx: Uint8Array, more: Partial<ManifestInput> = {}) {
  const folder = await temporaryFolder();
  const parameters = Array.from({ length: P }, (_, i) => ({ name: `t${i}` }));
  const input = { name: 'test_params', parameters, ...more.input };
  await fillRepository(folder, [
    { onnx, manifest: manifestOf(onnx, P, { name: 'x', threshold: 60, ...more, input }) },
  ]);
  const lines = Array.from({ length: DIES }, (_, die) =>
    [...rows.subarray(die * P, (die + 1) * P), die % 4 === 0 ? 'fail' : 'pass'].join(','),
  );
  const data = join(folder, 'dies.csv');
  await writeFile(data, `${parameters.map(({ name }) => name).join(',')},label\n${lines.join('\n')}\n`);
  return { folder, data, from: join(folder, 'x', '1'), to: join(folder, 'x', '2') };
}

const quantize = (args: readonly string[]) =>
  runCommand((streams) => quantizeCommand({ streams, workerEntry: WORKER, timedCalls: 4 }), args);

/** The score of every die, alone or in batches of so many. */
async function scoresOf(folder: string, batch: number): Promise<number[]> {
  const version = await versionAt(folder);
  return withEngine({ version, workerEntry: WORKER }, async (engine: OfflineEngine) => {
    const scores: number[] = [];
    for (let from = 0; from < rows.length; from += batch * P) {
      for (const die of await engine.score(rows.slice(from, from + batch * P), false))
        scores.push(die.kind === 'scored' ? (die.row[0] ?? Number.NaN) : Number.NaN);
    }
    return scores;
  });
}

/** Largest difference, as a share of the largest magnitude. */
const differenceOf = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN)))) / Math.max(...a.map(Math.abs));

const operatorsOf = async (folder: string) =>
  readOnnx(await readFile(join(folder, 'model.onnx'))).graph.node.map(({ opType }: NodeProto) => opType);

describe('diegate quantize', () => {
  it.each([
    ['a dense network', dense, {}],
    ['a convolutional one', convolutional, { shape: [1, 6, 6] }],
  ])(
    'makes of %s one of 8 bits that says nearly the same, the same bits alone and in any batch',
    async (_, onnx, shape) => {
      const { from, to, data } = await floor(onnx, { input: { name: 'test_params', ...shape } });
      const { out } = await quantize([from, '--out', to, '--data', data]);
      expect(out).toMatch(/x\/2, int8 of x\/1 .*: *\n/);
      expect(out).toMatch(/dies are run in batches of any size/);
      expect(out).toMatch(/x\/1 +x\/2[\s\S]*the versions agree on \d/);
      const [before, alone, together] = [
        await scoresOf(from, 64),
        await scoresOf(to, 1),
        await scoresOf(to, 64),
      ];
      expect(together).toEqual(alone);
      const difference = differenceOf(before, alone);
      expect(difference).toBeGreaterThan(0);
      expect(difference).toBeLessThan(0.03);
      expect(await operatorsOf(to)).toContain('QuantizeLinear');
    },
  );

  it('makes one Gemm of MatMul and Add, and leaves out the weights that nobody reads any more', async () => {
    const { from, to, data } = await floor(dense);
    await quantize([from, '--out', to, '--data', data]);
    const operators = await operatorsOf(to);
    expect([operators.filter((one) => one === 'Gemm').length, operators.includes('Add')]).toEqual([2, false]);
    const [before, after] = [dense.length, (await readFile(join(to, 'model.onnx'))).length];
    expect(after).toBeLessThan(before * 0.6);
  });

  it('with --float16 halves the file and computes as before', async () => {
    const { from, to, data } = await floor(dense);
    const { out } = await quantize([from, '--out', to, '--data', data, '--float16']);
    expect(out).toContain('3 tensors of weights are float16 in the file');
    expect((await readFile(join(to, 'model.onnx'))).length).toBeLessThan(dense.length * 0.6);
    const [before, alone, together] = [
      await scoresOf(from, 64),
      await scoresOf(to, 1),
      await scoresOf(to, 64),
    ];
    expect(together).toEqual(alone);
    expect(differenceOf(before, alone)).toBeLessThan(0.002);
  });

  it('keeps manifest and reference, but for what was measured on the other one', async () => {
    const { from, to, data } = await floor(dense, { metrics: { auc: 0.9 } });
    await quantize([from, '--out', to, '--data', data]);
    const manifest = JSON.parse(await readFile(join(to, 'manifest.json'), 'utf8'));
    expect([manifest.version, manifest.threshold, manifest.metrics]).toEqual(['2', 60, {}]);
    expect(manifest.description).toContain('(int8 of x/1)');
  });

  it('refuses what it cannot make smaller, and writes nothing', async () => {
    const { folder, from, to, data } = await floor(dense);
    expect(await problemsOf(quantize([from, '--out', from, '--data', data]))).toEqual([
      `--out: ${from} is there already: a version is immutable, choose another number`,
    ]);
    expect(await problemsOf(quantize([from, '--out', join(folder, 'x', 'new'), '--data', data]))).toEqual([
      `--out: found ${join(folder, 'x', 'new')}, expected models/<name>/<version>, a whole number`,
    ]);
    expect(await problemsOf(quantize([from, '--out', to, '--data', data, '--percentile', '40']))).toEqual([
      '--percentile: found "40", expected a number from 50 to 100',
    ]);
    const parameters = Array.from({ length: P }, (_, i) => ({ name: `t${i}` }));
    await fillRepository(folder, [sumVersion(P, { input: { name: 'test_params', parameters } })]);
    const nothing = quantize([join(folder, 'sum', '1'), '--out', join(folder, 'sum', '2'), '--data', data]);
    expect(await problemsOf(nothing)).toEqual([
      expect.stringMatching(/^sum\/1 has no Gemm, MatMul or Conv with constant weights/),
    ]);
    expect(existsSync(join(folder, 'sum', '2'))).toBe(false);
    expect(await readdir(join(folder, 'sum'))).toEqual(['1']);
  });
});
