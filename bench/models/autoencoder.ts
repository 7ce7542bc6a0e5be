import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeOnnx } from '../../src/training/onnx/encode.js';
import type { OnnxNode, OnnxTensor } from '../../src/training/onnx/model.js';
import { createRandom } from './random.js';

const PARAMETERS = 512;

/** A heavy model: a dense autoencoder whose score is its mean squared reconstruction error. */
export interface Autoencoder {
  readonly name: string;
  /** Sizes of the hidden layers; input and output have 512. */
  readonly hidden: readonly number[];
  readonly maxBatchSize: number;
  readonly maxQueueSize: number;
  readonly defaultDeadlineMs: number;
}

/** 512-1024-1024-512: 8.4 MB of weights. */
export const HEAVY: Autoencoder = {
  name: 'heavy',
  hidden: [1024, 1024],
  maxBatchSize: 64,
  maxQueueSize: 4096,
  defaultDeadlineMs: 1000,
};

/** 512-128-32-128-512: 0.56 MB of weights. */
export const USUAL: Autoencoder = {
  name: 'usual',
  hidden: [128, 32, 128],
  maxBatchSize: 64,
  maxQueueSize: 4096,
  defaultDeadlineMs: 1000,
};

/** Slower than what HTTP can take in, so that overload is the model's and not the socket's. */
export const SLOW: Autoencoder = {
  name: 'slow',
  hidden: [3072, 3072],
  maxBatchSize: 8,
  maxQueueSize: 256,
  defaultDeadlineMs: 500,
};

/**
 * Writes a model repository with one autoencoder of random weights to a temporary folder.
 * @returns the folder of the repository
 */
export function writeAutoencoder(model: Autoencoder): Promise<string> {
  return writeAutoencoders([model]);
}

/** Writes a model repository with several of them; the first is the default model. */
export async function writeAutoencoders(models: readonly Autoencoder[]): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'diegate-bench-'));
  for (const model of models) await addAutoencoder(root, model);
  await writeFile(join(root, 'serving.json'), JSON.stringify({ defaultModel: models[0]?.name }));
  return root;
}

async function addAutoencoder(root: string, model: Autoencoder): Promise<void> {
  const onnx = encodeAutoencoder(model);
  const folder = join(root, model.name, '1');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'model.onnx'), onnx);
  const { maxBatchSize, maxQueueSize, defaultDeadlineMs } = model;
  const manifest = {
    name: model.name,
    version: '1',
    task: 'anomaly-screen',
    input: { name: 'test_params', parameters: PARAMETERS },
    outputs: { score: 'anomaly_score' },
    threshold: 1,
    calibration: { method: 'logistic-log-score', slope: 1, intercept: 0, basis: 'nominal' },
    batching: { maxBatchSize, maxQueueSize, defaultDeadlineMs },
    sha256: createHash('sha256').update(onnx).digest('hex'),
    lineage: { data: 'random weights', rows: 0, codeVersion: '0', created: '2026-01-01T00:00:00Z' },
  };
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
}

function encodeAutoencoder({ name, hidden }: Autoencoder): Uint8Array {
  const random = createRandom(7);
  const sizes = [PARAMETERS, ...hidden, PARAMETERS];
  const weights: OnnxTensor[] = [];
  const nodes: OnnxNode[] = [];
  let from = 'test_params';
  for (let i = 0; i + 1 < sizes.length; i++) {
    const [rows = 0, columns = 0] = [sizes[i], sizes[i + 1]];
    const data = Float32Array.from({ length: rows * columns }, () => (random() - 0.5) * 0.05);
    weights.push({ name: `weights_${i}`, dims: [rows, columns], data });
    nodes.push({ op: 'MatMul', inputs: [from, `weights_${i}`], outputs: [`layer_${i}`] });
    from = `layer_${i}`;
    if (i + 2 < sizes.length) {
      nodes.push({ op: 'Relu', inputs: [from], outputs: [`active_${i}`] });
      from = `active_${i}`;
    }
  }
  return encodeOnnx({
    graphName: name,
    producer: { name: 'diegate-bench', version: '0' },
    opset: 17,
    inputs: [{ name: 'test_params', dims: ['N', PARAMETERS] }],
    outputs: [{ name: 'anomaly_score', dims: ['N'] }],
    initializers: weights,
    nodes: [
      ...nodes,
      { op: 'Sub', inputs: [from, 'test_params'], outputs: ['error'] },
      { op: 'Mul', inputs: ['error', 'error'], outputs: ['squared'] },
      {
        op: 'ReduceMean',
        inputs: ['squared'],
        outputs: ['anomaly_score'],
        attributes: { axes: [1n], keepdims: 0n },
      },
    ],
  });
}
