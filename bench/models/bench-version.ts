import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A model of the benchmarks: a graph of 512 parameters with one score, and how it is batched. */
export interface BenchVersion {
  readonly name: string;
  readonly onnx: Uint8Array;
  readonly maxBatchSize: number;
  readonly maxQueueSize: number;
  readonly defaultDeadlineMs: number;
}

export const BENCH_PARAMETERS = 512;

/** Writes version 1 of a model into a repository. */
export async function addVersion(root: string, version: BenchVersion): Promise<void> {
  const { name, onnx, maxBatchSize, maxQueueSize, defaultDeadlineMs } = version;
  const folder = join(root, name, '1');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'model.onnx'), onnx);
  const manifest = {
    name,
    version: '1',
    task: 'anomaly-screen',
    input: { name: 'test_params', parameters: BENCH_PARAMETERS },
    outputs: { score: 'anomaly_score' },
    threshold: 1,
    calibration: { method: 'logistic-log-score', slope: 1, intercept: 0, basis: 'nominal' },
    batching: { maxBatchSize, maxQueueSize, defaultDeadlineMs },
    sha256: createHash('sha256').update(onnx).digest('hex'),
    lineage: { data: 'random weights', rows: 0, codeVersion: '0', created: '2026-01-01T00:00:00Z' },
  };
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
}
