import { countingSpecOf } from '../drift/counting-spec.js';
import { explainingOutput, fetchedOutputs } from '../models/manifest/fetched-outputs.js';
import { inputTensors } from '../models/manifest/input-tensors.js';
import type { ModelVersion } from '../models/model-version.js';
import { type ProbeRows, probeRowsOf } from '../models/probe-rows.js';
import type { SessionSpec } from './workers/messages.js';

/** What a worker needs to open, try and run a version, and to count its drift where it has a reference. */
export function sessionSpecOf(
  version: ModelVersion,
  { rows }: ProbeRows = probeRowsOf(version),
): SessionSpec {
  const { key, manifest, contract, modelFile } = version;
  return {
    key,
    modelFile,
    sha256: manifest.sha256,
    files: manifest.files ?? {},
    inputs: inputTensors(manifest),
    parameterCount: contract.parameterCount,
    outputs: fetchedOutputs(manifest),
    contributionsName: explainingOutput(manifest),
    maxBatchSize: manifest.batching.maxBatchSize,
    rowsPerRun: manifest.batching.rowsPerRun,
    probes: rows,
    drift: driftSpecOf(version),
  };
}

/** What the workers count drift by, where the version has a reference. */
function driftSpecOf({ reference, contract, manifest }: ModelVersion): SessionSpec['drift'] {
  if (reference === undefined) return undefined;
  return { counting: countingSpecOf({ reference, contract }), manifest };
}
