import type { MeasurementContract } from '../die/die.js';
import { createDecide, type Decide } from './decision/decide.js';
import { type Manifest, parameterCount } from './manifest/manifest.js';
import type { Reference } from './manifest/reference.js';

/** One version of a model as the repository holds it, read and checked. */
export interface ModelVersion {
  /** `name/version`, unique. */
  readonly key: string;
  readonly name: string;
  readonly version: string;
  readonly manifest: Manifest;
  readonly reference: Reference | undefined;
  /** Absolute path of model.onnx. */
  readonly modelFile: string;
  readonly contract: MeasurementContract;
  readonly decide: Decide;
}

/** What the files of a version say, with everything derived from them. */
export function createModelVersion(
  manifest: Manifest,
  reference: Reference | undefined,
  modelFile: string,
): ModelVersion {
  return {
    key: `${manifest.name}/${manifest.version}`,
    name: manifest.name,
    version: manifest.version,
    manifest,
    reference,
    modelFile,
    contract: {
      parameterCount: parameterCount(manifest),
      acceptsMissing: manifest.input.missing === 'impute',
    },
    decide: createDecide(manifest),
  };
}

/**
 * A measurement that the version should score without complaint: the passing dies' means where the
 * manifest knows them, else zeros. float32 [parameters].
 */
export function probeOf({ manifest, contract }: ModelVersion): Float32Array {
  const { parameters } = manifest.input;
  if (typeof parameters === 'number') return new Float32Array(contract.parameterCount);
  return Float32Array.from(parameters, ({ expected }) => expected ?? 0);
}
