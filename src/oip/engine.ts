import type { MeasurementContract } from '../die/die.js';
import { Refusal } from '../errors.js';
import type { Actor } from '../lifecycle/audit.js';
import type { Batching } from '../models/manifest/serving-schema.js';
import type { ModelVersion } from '../models/model-version.js';
import type { OipInput } from './inputs.js';
import type { InferOutput } from './outputs.js';
import type { VersionStatistics } from './schemas.js';

/** The states that the model repository extension knows. */
export type OipState = 'READY' | 'LOADING' | 'UNLOADING' | 'UNAVAILABLE';

/** What the protocol shows of one model version; it never changes while the version is there. */
export interface OipVersion {
  readonly name: string;
  readonly version: string;
  /** In the order in which a die's row fills them. */
  readonly inputs: readonly OipInput[];
  /** The name of all of them together, one row of FP32. */
  readonly rowName: string;
  readonly contract: MeasurementContract;
  /** In the order in which an answer has them. */
  readonly outputs: readonly InferOutput[];
  /** Above it a die fails. */
  readonly threshold: number;
  /** Of model.onnx, 64 lower-case hex digits. */
  readonly sha256: string;
  readonly batching: Batching;
}

/** Loads and unloads models while the server runs. */
export interface OipControl {
  /** Loads a model's default version, or its highest; resolves when it can answer. */
  load(model: string, actor: Actor): Promise<void>;
  /** Takes a model out of service; resolves when its last die is answered. */
  unload(model: string, actor: Actor): Promise<void>;
}

/** All that the protocol's doors show of the server behind them; dies go by an exchange. */
export interface OipEngine {
  /** What readiness waits for; empty when the server is ready. */
  missing(): readonly string[];
  /**
   * Every version of every model, or of one.
   * @throws Refusal `model_not_found`
   */
  versions(model?: string): readonly OipVersion[];
  /**
   * The version that a name addresses, in whatever state; a model's default without a version.
   * @throws Refusal `model_not_found` or `version_not_found`
   */
  find(model: string, version?: string): OipVersion;
  state(version: OipVersion): { readonly state: OipState; readonly reason: string };
  /** A version as the protocol shows it. */
  shown(version: ModelVersion): OipVersion;
  /** What a version has done since the start; absent where nobody counts. */
  readonly statistics?: (version: OipVersion) => VersionStatistics;
  /** Absent where models come and go only with the server. */
  readonly control?: OipControl | undefined;
}

/** @throws Refusal `bad_request` where models come and go only with the server */
export function controlOf({ control }: OipEngine): OipControl {
  if (control !== undefined) return control;
  throw new Refusal('bad_request', 'this server loads its models at the start and keeps them to the end');
}
