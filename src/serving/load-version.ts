import { countingSpecOf } from '../drift/counting-spec.js';
import { Fault } from '../errors.js';
import type { LoadReport } from '../models/catalogue.js';
import { fetchedOutputs } from '../models/manifest/fetched-outputs.js';
import { graphProblems } from '../models/manifest/graph.js';
import { inputTensors } from '../models/manifest/input-tensors.js';
import { type ModelVersion, probeOf } from '../models/model-version.js';
import type { Batcher } from './batching/batcher.js';
import type { Clock } from './clock.js';
import type { SessionSpec } from './workers/messages.js';
import type { WorkerPool } from './workers/pool.js';

/**
 * Opens a version on every worker, checks its graph against its manifest and its scores for being
 * finite, and gives it a queue.
 * @throws Fault `invalid_model` with one line for each problem, all of them beginning with the version
 */
export async function loadVersion(
  version: ModelVersion,
  { pool, batcher, clock }: { pool: WorkerPool; batcher: Batcher; clock: Clock },
): Promise<LoadReport> {
  const { key, manifest, contract, modelFile } = version;
  const { maxBatchSize, maxQueueDelayMs, maxQueueSize } = manifest.batching;
  const startedMs = clock.nowMs();
  const { report } = await openChecked(version, pool, {
    key,
    modelFile,
    sha256: manifest.sha256,
    inputs: inputTensors(manifest),
    parameterCount: contract.parameterCount,
    outputs: fetchedOutputs(manifest),
    contributionsName: manifest.outputs.contributions,
    maxBatchSize,
    probe: probeOf(version),
    drift: driftSpecOf(version),
  });
  if (!report.finite) {
    await pool.closeVersion(key);
    throw new Fault('invalid_model', [
      `model ${key}: the score of its expected measurement is not a finite number`,
    ]);
  }
  batcher.add(
    { key, parameterCount: contract.parameterCount, maxBatchSize, maxQueueDelayMs, maxQueueSize },
    report.costs,
  );
  return { loadedAt: new Date(), loadMs: clock.nowMs() - startedMs, sameInAnyBatch: report.sameInAnyBatch };
}

/** What the workers count drift by, where the version has a reference. */
function driftSpecOf({ reference, contract, manifest }: ModelVersion): SessionSpec['drift'] {
  if (reference === undefined) return undefined;
  return { counting: countingSpecOf({ reference, contract }), manifest };
}

async function openChecked(
  { key, manifest }: ModelVersion,
  pool: WorkerPool,
  spec: Parameters<WorkerPool['open']>[0],
) {
  try {
    return await pool.open(spec, (graph) => {
      const problems = graphProblems(manifest, graph);
      if (problems.length > 0) {
        throw new Fault(
          'invalid_model',
          problems.map((problem) => `model ${key}: ${problem}`),
        );
      }
    });
  } catch (error) {
    if (error instanceof Fault) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const line = firstLine(reason);
    const what = line.startsWith('model.onnx ') ? line : `model.onnx cannot be run: ${line}`;
    throw new Fault('invalid_model', [`model ${key}: ${what}`], error);
  }
}

/** ONNX Runtime's messages go on for lines, with paths of its own sources. */
function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}
