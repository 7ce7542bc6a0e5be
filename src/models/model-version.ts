import type { MeasurementContract } from '../die/die.js';
import { type BaseRate, priorShift } from './decision/base-rate.js';
import { createDecide, type Decide } from './decision/decide.js';
import { type ParameterLimits, parameterLimits } from './decision/limits.js';
import { contractOf } from './manifest/contract.js';
import type { Golden } from './manifest/golden.js';
import type { Reference } from './manifest/reference.js';
import type { Manifest } from './manifest/task-manifests.js';

/** One version of a model as the repository holds it, read and checked. */
export interface ModelVersion {
  /** `name/version`, unique. */
  readonly key: string;
  readonly name: string;
  readonly version: string;
  readonly manifest: Manifest;
  readonly reference: Reference | undefined;
  /** What it must make of some measurements wherever it runs; undefined where nobody says. */
  readonly golden: Golden | undefined;
  /** Absolute path of model.onnx. */
  readonly modelFile: string;
  /** Bytes of model.onnx and of the files beside it that hold its weights. */
  readonly modelBytes: number;
  readonly contract: MeasurementContract;
  readonly decide: Decide;
  /** What its confidences are right for. */
  readonly baseRate: BaseRate;
  /** What answers for it when it cannot; undefined for a refusal. */
  readonly fallback: VersionFallback | undefined;
}

/** A fallback as the manifest names it, ready to be used. */
type VersionFallback =
  | { readonly by: 'version'; readonly model: string; readonly version: string }
  | { readonly by: 'limits'; readonly limits: ParameterLimits };

/** What the files of a version say, with everything derived from them. */
export function createModelVersion(
  manifest: Manifest,
  reference: Reference | undefined,
  modelFile: string,
  modelBytes = 0,
  golden?: Golden,
): ModelVersion {
  return {
    key: `${manifest.name}/${manifest.version}`,
    name: manifest.name,
    version: manifest.version,
    manifest,
    reference,
    golden,
    modelFile,
    modelBytes,
    contract: contractOf(manifest),
    decide: createDecide(manifest),
    baseRate: { trainedAt: manifest.baseRate, inForce: manifest.baseRate },
    fallback: fallbackOf(manifest, reference),
  };
}

/**
 * The version with confidences that are right where failing dies are as frequent as `asked` says: the version itself
 * where that is so already, or its manifest does not say what it was made for.
 * @param asked undefined for the rate that it was made for
 */
export function atBaseRate(version: ModelVersion, asked: number | undefined): ModelVersion {
  const { trainedAt } = version.baseRate;
  const inForce = trainedAt === undefined ? undefined : (asked ?? trainedAt);
  if (inForce === version.baseRate.inForce) return version;
  const baseRate = { trainedAt, inForce };
  return { ...version, baseRate, decide: createDecide(version.manifest, priorShift(baseRate)) };
}

function fallbackOf(manifest: Manifest, reference: Reference | undefined): VersionFallback | undefined {
  const { fallback, name } = manifest;
  if (fallback === undefined) return undefined;
  if (fallback.by === 'version')
    return { by: 'version', model: fallback.model ?? name, version: fallback.version };
  const limits = parameterLimits(manifest, reference, fallback.sigmas);
  return limits && { by: 'limits', limits };
}

/**
 * A measurement that the version should score without complaint: the passing dies' means where the
 * manifest knows them, else the middle of the bounds, else zeros. float32 [parameters].
 */
export function probeOf({ manifest, contract }: ModelVersion): Float32Array {
  const { parameters } = manifest.input;
  if (typeof parameters === 'number') return new Float32Array(contract.parameterCount);
  return Float32Array.from(parameters, ({ expected, minimum, maximum, categories }) => {
    if (categories !== undefined) return 0;
    if (expected !== undefined) return expected;
    if (minimum !== undefined && maximum !== undefined) return (minimum + maximum) / 2;
    return minimum ?? maximum ?? 0;
  });
}
