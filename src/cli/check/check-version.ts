import { join } from 'node:path';
import { Fault } from '../../errors.js';
import { fetchedOutputs } from '../../models/manifest/fetched-outputs.js';
import { graphProblems } from '../../models/manifest/graph.js';
import { inputTensors } from '../../models/manifest/input-tensors.js';
import { ManifestSchema } from '../../models/manifest/manifest.js';
import { type ModelVersion, probeOf } from '../../models/model-version.js';
import { readJson } from '../../models/repository/read-version.js';
import type { SessionSpec } from '../../serving/workers/messages.js';
import { versionAt } from '../version-at.js';
import { graphOf, warmUpOf } from './open-graph.js';

/** A version that a server would load. */
export interface CheckedVersion {
  readonly version: ModelVersion;
  /** Whether a row's score was the same to the last bit in every batch tried on this machine. */
  readonly sameInAnyBatch: boolean;
}

/**
 * Checks a version folder as the server does at load, but looks on after the first problem: its files, its
 * graph against its manifest, its scores.
 * @throws Fault `invalid_model` with one line for each problem
 */
export async function checkVersion(
  folder: string,
  workerEntry?: string | undefined,
): Promise<CheckedVersion> {
  const version = await settled(versionAt(folder));
  const graphFaults = await settled(graphAgainstManifest(folder, workerEntry));
  const problems = [
    ...(version instanceof Fault ? version.problems : []),
    ...(graphFaults instanceof Fault ? graphFaults.problems : graphFaults),
  ];
  if (version instanceof Fault || problems.length > 0) throw new Fault('invalid_model', problems);
  const { finite, sameInAnyBatch } = await warmUpOf(specOf(version), workerEntry);
  if (!finite) {
    throw new Fault('invalid_model', [
      `model ${version.key}: the score of its expected measurement is not a finite number`,
    ]);
  }
  return { version, sameInAnyBatch };
}

/** How the graph disagrees with a manifest that can be read; a manifest that cannot has been told of. */
async function graphAgainstManifest(folder: string, workerEntry: string | undefined): Promise<string[]> {
  const graph = await graphOf(join(folder, 'model.onnx'), workerEntry);
  const manifest = await settled(readJson(join(folder, 'manifest.json'), ManifestSchema, 'manifest.json'));
  if (manifest instanceof Fault) return [];
  const key = `${manifest.name}/${manifest.version}`;
  return graphProblems(manifest, graph).map((problem) => `model ${key}: ${problem}`);
}

function specOf(version: ModelVersion): SessionSpec {
  const { key, manifest, contract, modelFile } = version;
  return {
    key,
    modelFile,
    inputs: inputTensors(manifest),
    parameterCount: contract.parameterCount,
    outputs: fetchedOutputs(manifest),
    contributionsName: manifest.outputs.contributions,
    maxBatchSize: manifest.batching.maxBatchSize,
    probe: probeOf(version),
  };
}

async function settled<T>(part: Promise<T>): Promise<T | Fault> {
  try {
    return await part;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}
