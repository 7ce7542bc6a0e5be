import { join } from 'node:path';
import { Fault } from '../../errors.js';
import type { BatchFinding } from '../../models/batch-policy.js';
import { graphProblems } from '../../models/manifest/graph.js';
import { ManifestSchema } from '../../models/manifest/manifest.js';
import type { ModelVersion } from '../../models/model-version.js';
import { outputProblems } from '../../models/output-problems.js';
import { probeRowsOf } from '../../models/probe-rows.js';
import { readJsonFile } from '../../models/repository/read-version.js';
import { sessionSpecOf } from '../../serving/session-spec.js';
import { withEngine } from '../score/engine.js';
import { versionAt } from '../version-at.js';
import { graphOf, warmUpOf } from './open-graph.js';

/** A version that a server would load. */
export interface CheckedVersion {
  readonly version: ModelVersion;
  /** How its dies are run on this machine. */
  readonly batching: BatchFinding;
}

/**
 * Checks a version folder as the server does at load, but looks on after the first problem: its files, its
 * graph against its manifest, its outputs against its task.
 * @throws Fault `invalid_model` with one line for each problem
 */
export async function checkVersion(
  folder: string,
  workerEntry?: string | undefined,
): Promise<CheckedVersion> {
  const version = await settled(versionAt(folder));
  if (version instanceof Fault) {
    const graph = await settled(graphAgainstManifest(folder, workerEntry));
    throw new Fault('invalid_model', [
      ...version.problems,
      ...(graph instanceof Fault ? graph.problems : graph),
    ]);
  }
  const probes = probeRowsOf(version);
  // The checksum has been compared.
  const spec = { ...sessionSpecOf(version, probes), sha256: undefined, drift: undefined };
  const { policy, dependence, scores } = await warmUpOf(
    spec,
    (graph) => refuse(version.key, graphProblems(version.manifest, graph)),
    workerEntry,
  );
  refuse(version.key, outputProblems(version, probes, scores));
  // A load compares the golden rows.
  if (version.golden !== undefined) await withEngine({ version, workerEntry }, async () => {});
  return { version, batching: { policy, dependence } };
}

function refuse(key: string, problems: readonly string[]): void {
  if (problems.length > 0)
    throw new Fault(
      'invalid_model',
      problems.map((problem) => `model ${key}: ${problem}`),
    );
}

/** How the graph disagrees with a manifest that can be read; a manifest that cannot has been told of. */
async function graphAgainstManifest(folder: string, workerEntry: string | undefined): Promise<string[]> {
  const graph = await graphOf(join(folder, 'model.onnx'), workerEntry);
  const manifest = await settled(
    readJsonFile(join(folder, 'manifest.json'), ManifestSchema, 'manifest.json'),
  );
  if (manifest instanceof Fault) return [];
  const key = `${manifest.name}/${manifest.version}`;
  return graphProblems(manifest, graph).map((problem) => `model ${key}: ${problem}`);
}

async function settled<T>(part: Promise<T>): Promise<T | Fault> {
  try {
    return await part;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}
