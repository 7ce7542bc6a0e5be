import type { CountingSpec } from '../../drift/drift-counter.js';
import type { BatchFinding, BatchPolicy } from '../../models/batch-policy.js';
import type { FetchedOutput } from '../../models/manifest/fetched-outputs.js';
import type { GraphInfo } from '../../models/manifest/graph.js';
import type { FeedTensor } from '../../models/manifest/input-tensors.js';
import type { Manifest } from '../../models/manifest/task-manifests.js';
import type { KeptModel } from './model-bytes.js';

/** Everything that crosses between the server process and a worker process. */

/** What a worker needs to count the drift of a version. */
interface DriftSpec {
  readonly counting: CountingSpec;
  /** Says how outputs are decided. */
  readonly manifest: Manifest;
}

/** What a worker needs to open and run one model version. */
export interface SessionSpec {
  /** Key of the version in every later message. */
  readonly key: string;
  /** Absolute path of model.onnx. */
  readonly modelFile: string;
  /** What the file must hash to; it may have been replaced since it was read. Undefined for whatever it is. */
  readonly sha256?: string | undefined;
  /**
   * What the files must hash to that hold weights beside model.onnx, by their paths from its folder; no other is read.
   * Undefined for whatever model.onnx names.
   */
  readonly files?: Readonly<Record<string, string>> | undefined;
  /** What a die's row is fed to. */
  readonly inputs: readonly FeedTensor[];
  readonly parameterCount: number;
  /** Outputs that every run fetches, in the order of a die's row. */
  readonly outputs: readonly FetchedOutput[];
  readonly contributionsName: string | undefined;
  readonly maxBatchSize: number;
  /** Rows in every run, where the manifest says so. */
  readonly rowsPerRun?: number | undefined;
  /** Measurements that the version is tried with: float32 [probes, parameters] row-major. */
  readonly probes: Float32Array;
  /** What drift is counted by; undefined where the version has no reference. */
  readonly drift?: DriftSpec | undefined;
}

/** What the warm-up runs of a session showed: how its dies are run, and why. */
export interface WarmUpReport extends BatchFinding {
  /** float32 [probes, outputs] row-major: what each probe is given; empty where the policy was known before. */
  readonly scores: Float32Array;
  /** Milliseconds of some batches, run by the policy: [dies, ms]. */
  readonly costs: readonly (readonly [number, number])[];
}

export type ToWorker =
  | {
      readonly type: 'open';
      readonly spec: SessionSpec;
      readonly intraOpThreads: number;
      /** What to open instead of the files. */
      readonly model?: KeptModel | undefined;
    }
  | {
      readonly type: 'warm';
      readonly key: string;
      /** What another worker has found; undefined for the first, which finds it. */
      readonly policy?: BatchPolicy | undefined;
    }
  | { readonly type: 'close'; readonly key: string }
  | {
      readonly type: 'run';
      readonly key: string;
      readonly dies: number;
      readonly params: Float32Array;
      readonly explain: boolean;
      /** Whether the SHA-256 of each row is wanted. */
      readonly hashesRows?: boolean | undefined;
      /** float32 [dies]: the group of equipment of each die, where drift is to be counted. */
      readonly groups?: Float32Array | undefined;
    }
  /** Asks for what was counted since the last time. */
  | { readonly type: 'drift'; readonly key: string };

/** Answers come in the order of the messages that asked for them. */
export type FromWorker =
  | { readonly type: 'started' }
  | { readonly type: 'opened'; readonly key: string; readonly graph: GraphInfo }
  | { readonly type: 'warmed'; readonly key: string; readonly report: WarmUpReport }
  | { readonly type: 'closed'; readonly key: string }
  | {
      readonly type: 'ran';
      readonly scores: Float32Array;
      readonly contributions: Float32Array | undefined;
      readonly runMs: number;
      /** SHA-256 of each row, where asked for: [dies × 32] bytes, which travel as floats do. */
      readonly rowHashes?: Float32Array | undefined;
    }
  | {
      readonly type: 'drifted';
      readonly key: string;
      /** Groups with counted dies, and their counts as `DriftCounts.toFloats`, one behind the other. */
      readonly groups: readonly number[];
      readonly counts: Float32Array;
    }
  /** The request before it failed: ONNX Runtime threw, or the session is not open. */
  | { readonly type: 'failed'; readonly message: string };
