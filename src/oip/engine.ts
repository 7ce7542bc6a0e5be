import type { DieLabel, MeasurementContract } from '../die/die.js';
import type { Actor } from '../lifecycle/audit.js';
import type { Batching } from '../models/manifest/manifest.js';
import type { RequestTrace } from '../tracing/tracer.js';
import type { OipInput } from './inputs.js';
import type { InferOutput, InferResults } from './outputs.js';
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

/** The dies of one infer request. */
export interface OipInference {
  readonly requestId: string;
  /** Who asks, for the log. */
  readonly keyId?: string | undefined;
  /** The trace that the request is a part of. */
  readonly trace?: RequestTrace | undefined;
  /** The version by whose contract the dies were read. */
  readonly version: OipVersion;
  /** Whether the request named that version; else the model's traffic decides which one answers. */
  readonly isNamed: boolean;
  readonly labels: readonly DieLabel[];
  /** float32 [dies, parameters] row-major, NaN where missing; lent until the results are there. */
  readonly params: Float32Array;
  /** Whether an output was asked for that is made of the contributions. */
  readonly contributions: boolean;
  /** When the request arrived, on the server's clock. */
  readonly receivedAtMs: number;
  /** Milliseconds from arrival within which the dies must be scored; the version's default if undefined. */
  readonly deadlineMs: number | undefined;
  /** Registers what is to happen when the client has gone. */
  readonly onGone: (listener: () => void) => void;
}

/** Loads and unloads models while the server runs. */
export interface OipControl {
  /** Loads a model's default version, or its highest; resolves when it can answer. */
  load(model: string, actor: Actor): Promise<void>;
  /** Takes a model out of service; resolves when its last die is answered. */
  unload(model: string, actor: Actor): Promise<void>;
}

/** All that the protocol's routes need of the server behind them. */
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
  /**
   * The version that will take dies, checked before a body is read; a promise where it is loaded first.
   * @throws Refusal as `find` does, or where it is not ready or its queue is full
   */
  admit(model: string, version?: string): OipVersion | Promise<OipVersion>;
  /**
   * Results for all dies of a request, in their order. One die goes through the realtime lane, more
   * through the bulk lane.
   * @throws Refusal of the queue or of the version
   */
  infer(inference: OipInference): Promise<InferResults>;
  /** What a version has done since the start; absent where nobody counts. */
  readonly statistics?: (version: OipVersion) => VersionStatistics;
  /** Absent where models come and go only with the server. */
  readonly control?: OipControl | undefined;
}
