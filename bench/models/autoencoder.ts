import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeOnnx } from '../../src/training/onnx/encode.js';
import type { OnnxNode, OnnxTensor } from '../../src/training/onnx/model.js';
import { addVersion, BENCH_PARAMETERS, type BenchVersion } from './bench-version.js';
import { createRandom } from './random.js';

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

/** 512-4992-4992-512: 120 MB of weights. */
export const LARGE: Autoencoder = {
  name: 'large',
  hidden: [4992, 4992],
  maxBatchSize: 16,
  maxQueueSize: 256,
  defaultDeadlineMs: 10_000,
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
  for (const model of models) await addVersion(root, autoencoder(model));
  await writeFile(join(root, 'serving.json'), JSON.stringify({ defaultModel: models[0]?.name }));
  return root;
}

/** The graph of an autoencoder, as a version of the benchmarks. */
export function autoencoder(model: Autoencoder): BenchVersion {
  return { ...model, onnx: encodeAutoencoder(model) };
}

function encodeAutoencoder({ name, hidden }: Autoencoder): Uint8Array {
  const random = createRandom(7);
  const sizes = [BENCH_PARAMETERS, ...hidden, BENCH_PARAMETERS];
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
    inputs: [{ name: 'test_params', dims: ['N', BENCH_PARAMETERS] }],
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
