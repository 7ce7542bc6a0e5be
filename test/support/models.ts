import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { z } from 'zod';
import type { ManifestSchema } from '../../src/models/manifest/manifest.js';
import type { Reference } from '../../src/models/manifest/reference.js';
import type {
  ClassificationManifestSchema,
  RegressionManifestSchema,
  ScreenManifestSchema,
} from '../../src/models/manifest/task-manifests.js';
import { encodeOnnx } from '../../src/training/onnx/encode.js';
import type { OnnxModel, OnnxNode, OnnxTensor } from '../../src/training/onnx/model.js';

const lineage = { data: 'made for a test', rows: 0, codeVersion: '0', created: '2026-01-01T00:00:00Z' };

const sha256Of = (onnx: Uint8Array) => createHash('sha256').update(onnx).digest('hex');

const axis: OnnxTensor = { name: 'axis', dims: [1], data: BigInt64Array.of(1n) };

/** A graph from `test_params` to `anomaly_score`, and to `contributions` where a node makes them. */
function graph(
  parameters: number,
  nodes: readonly OnnxNode[],
  initializers: readonly OnnxTensor[] = [axis],
  outputs: OnnxModel['outputs'] = [{ name: 'anomaly_score', dims: ['N'] }],
): Uint8Array {
  return encodeOnnx({
    graphName: 'test',
    producer: { name: 'diegate-test', version: '0' },
    opset: 17,
    inputs: [{ name: 'test_params', dims: ['N', parameters] }],
    outputs,
    initializers,
    nodes,
  });
}

const sum = (from: string): OnnxNode => ({
  op: 'ReduceSum',
  inputs: [from, 'axis'],
  outputs: ['anomaly_score'],
  attributes: { keepdims: 0n },
});

/** Score: the sum of the magnitudes; contributions: each magnitude. */
export function sumModel(parameters: number): Uint8Array {
  return graph(
    parameters,
    [{ op: 'Abs', inputs: ['test_params'], outputs: ['contributions'] }, sum('contributions')],
    [axis],
    [
      { name: 'anomaly_score', dims: ['N'] },
      { name: 'contributions', dims: ['N', parameters] },
    ],
  );
}

/** Score: the sum of the natural logarithms, so not finite for a value of 0 or below. */
export function logModel(parameters: number): Uint8Array {
  return graph(parameters, [{ op: 'Log', inputs: ['test_params'], outputs: ['logs'] }, sum('logs')]);
}

/** Throws for a whole batch in which any value is 10 or more: an index beyond a table of ten. */
export function throwingModel(parameters: number): Uint8Array {
  const table: OnnxTensor = {
    name: 'table',
    dims: [10],
    data: Float32Array.from({ length: 10 }, (_, i) => i),
  };
  return graph(
    parameters,
    [
      { op: 'Cast', inputs: ['test_params'], outputs: ['indexes'], attributes: { to: 7n } },
      { op: 'Gather', inputs: ['table', 'indexes'], outputs: ['found'] },
      sum('found'),
    ],
    [axis, table],
  );
}

/** Scores as the sum model does, after `rounds` multiplications with a large identity: as slow as wanted. */
export function slowModel(parameters: number, rounds: number): Uint8Array {
  const identity = new Float32Array(parameters * parameters);
  for (let i = 0; i < parameters; i++) identity[i * parameters + i] = 1;
  const nodes = Array.from(
    { length: rounds },
    (_, i): OnnxNode => ({
      op: 'MatMul',
      inputs: [i === 0 ? 'test_params' : `round_${i - 1}`, 'identity'],
      outputs: [`round_${i}`],
    }),
  );
  return graph(
    parameters,
    [...nodes, { op: 'Abs', inputs: [`round_${rounds - 1}`], outputs: ['magnitudes'] }, sum('magnitudes')],
    [axis, { name: 'identity', dims: [parameters, parameters], data: identity }],
  );
}

/** Scores `factor` times what the sum model does, so that a score tells which version gave it. */
export function scaledModel(parameters: number, factor: number): Uint8Array {
  const scale: OnnxTensor = { name: 'factor', dims: [], data: Float32Array.of(factor) };
  return graph(
    parameters,
    [
      { op: 'Abs', inputs: ['test_params'], outputs: ['magnitudes'] },
      { op: 'Mul', inputs: ['magnitudes', 'factor'], outputs: ['scaled'] },
      sum('scaled'),
    ],
    [axis, scale],
  );
}

/** Probabilities: the softmax of the parameters, one label for each. */
export function softmaxModel(parameters: number): Uint8Array {
  return graph(
    parameters,
    [{ op: 'Softmax', inputs: ['test_params'], outputs: ['probabilities'], attributes: { axis: 1n } }],
    [],
    [{ name: 'probabilities', dims: ['N', parameters] }],
  );
}

/** Value: the sum of the parameters; beside it the same as "total", and every logarithm as "logs". */
export function regressionModel(parameters: number): Uint8Array {
  const summed = (output: string): OnnxNode => ({
    op: 'ReduceSum',
    inputs: ['test_params', 'axis'],
    outputs: [output],
    attributes: { keepdims: 1n },
  });
  return graph(
    parameters,
    [summed('value'), summed('total'), { op: 'Log', inputs: ['test_params'], outputs: ['logs'] }],
    [axis],
    [
      { name: 'value', dims: ['N', 1] },
      { name: 'total', dims: ['N', 1] },
      { name: 'logs', dims: ['N', parameters] },
    ],
  );
}

/** A graph for an operator set that no ONNX Runtime has. */
export function futureModel(parameters: number): Uint8Array {
  return encodeOnnx({
    graphName: 'test',
    producer: { name: 'diegate-test', version: '0' },
    opset: 9999,
    inputs: [{ name: 'test_params', dims: ['N', parameters] }],
    outputs: [{ name: 'anomaly_score', dims: ['N'] }],
    initializers: [axis],
    nodes: [sum('test_params')],
  });
}

export type ManifestInput = z.input<typeof ScreenManifestSchema>;

/** A manifest for one of the models above; `changes` replace whole top-level keys. */
export function manifestOf(
  onnx: Uint8Array,
  parameters: number,
  changes: Partial<ManifestInput> & Pick<ManifestInput, 'name'>,
): ManifestInput {
  return {
    version: '1',
    task: 'anomaly-screen',
    input: { name: 'test_params', parameters },
    outputs: { score: 'anomaly_score' },
    threshold: 1,
    calibration: { method: 'logistic-log-score', slope: 1, intercept: 0, basis: 'nominal' },
    sha256: sha256Of(onnx),
    lineage,
    ...changes,
  };
}

/** One version to put into a test's repository. */
export interface TestVersion {
  readonly onnx: Uint8Array;
  readonly manifest: z.input<typeof ManifestSchema>;
  readonly reference?: Reference;
  /** As its file says. */
  readonly golden?: unknown;
}

/** A version of "sum" whose scores are its number times the sum of magnitudes, unless told otherwise. */
export function scaledVersion(
  version: string,
  changes: Partial<ManifestInput> = {},
  factor = Number(version),
) {
  const onnx = scaledModel(2, factor);
  return { onnx, manifest: manifestOf(onnx, 2, { name: 'sum', version, threshold: 1000, ...changes }) };
}

/** A classification of three values as the label of the largest. */
export function softmaxVersion(changes: Partial<z.input<typeof ClassificationManifestSchema>> = {}) {
  const onnx = softmaxModel(3);
  const manifest: z.input<typeof ClassificationManifestSchema> = {
    name: 'kinds',
    version: '1',
    task: 'classification',
    input: { name: 'test_params', parameters: 3 },
    outputs: { probabilities: 'probabilities' },
    labels: ['good', 'marginal', 'scratch'],
    passLabels: ['good', 'marginal'],
    sha256: sha256Of(onnx),
    lineage,
    ...changes,
  };
  return { onnx, manifest };
}

/** A regression of a yield in percent from a voltage of 1.0 to 1.5 V and a temperature. */
export function yieldVersion(changes: Partial<z.input<typeof RegressionManifestSchema>> = {}) {
  const onnx = regressionModel(2);
  const parameters = [
    { name: 'vdd', unit: 'V', minimum: 1, maximum: 1.5 },
    { name: 'temp', unit: '°C', expected: 85 },
  ];
  const manifest: z.input<typeof RegressionManifestSchema> = {
    name: 'yield',
    version: '1',
    task: 'regression',
    input: { name: 'test_params', parameters },
    outputs: { value: 'value', extra: [{ name: 'total' }, { name: 'logs', size: 2 }] },
    target: { name: 'yield', unit: '%', lowLimit: 80, standardError: 2 },
    sha256: sha256Of(onnx),
    lineage,
    ...changes,
  };
  return { onnx, manifest };
}

/** A model version that scores by the sum of magnitudes. */
export function sumVersion(parameters: number, changes: Partial<ManifestInput> = {}): TestVersion {
  const onnx = sumModel(parameters);
  const outputs = { score: 'anomaly_score', contributions: 'contributions' };
  return { onnx, manifest: manifestOf(onnx, parameters, { name: 'sum', outputs, ...changes }) };
}

/** Writes a model repository to a temporary folder, which goes when the test has finished. */
export async function writeRepository(versions: readonly TestVersion[], serving?: unknown): Promise<string> {
  const root = await temporaryFolder();
  await fillRepository(root, versions, serving);
  return root;
}

/** Writes a model repository into a folder; the first version's model is the default unless `serving` says. */
export async function fillRepository(
  root: string,
  versions: readonly TestVersion[],
  serving?: unknown,
): Promise<void> {
  for (const { manifest, ...files } of versions)
    await writeVersion(join(root, manifest.name, manifest.version), { manifest, ...files });
  const defaultModel = versions[0]?.manifest.name ?? 'none';
  await writeFile(join(root, 'serving.json'), JSON.stringify(serving ?? { defaultModel, models: {} }));
}

/** Writes the files of one version into a folder. */
export async function writeVersion(
  folder: string,
  { onnx, manifest, reference, golden }: Omit<TestVersion, 'manifest'> & { manifest: unknown },
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'model.onnx'), onnx);
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  if (reference !== undefined) await writeFile(join(folder, 'reference.json'), JSON.stringify(reference));
  if (golden !== undefined) await writeFile(join(folder, 'golden.json'), JSON.stringify(golden));
}

/** A new temporary folder, which goes when the test has finished. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'diegate-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
