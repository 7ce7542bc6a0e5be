/** A batch as it is handed to a worker. */
export interface BatchToRun {
  /** Key of the model version, as given to the workers at load. */
  readonly version: string;
  readonly dies: number;
  /** float32 [dies, parameters] row-major. Read before `run` returns: the caller may reuse it then. */
  readonly params: Float32Array;
  /** Whether the contributions are wanted as well. */
  readonly explain: boolean;
  /** Whether the SHA-256 of each row is wanted. */
  readonly hashesRows?: boolean | undefined;
  /** float32 [dies]: the group of equipment of each die, where drift is counted. Read before `run` returns. */
  readonly groups?: Float32Array | undefined;
  /** Whether no other die waits or is being run, none of these has been run before, and somebody waits for their answer. */
  readonly isAlone?: boolean;
}

/** What became of a batch; a failure is a value, so that nobody mistakes one for a programming error. */
export type BatchOutcome =
  | {
      readonly kind: 'scored';
      /** float32 [dies, outputs] row-major: the fetched outputs of each die; one score for a screen. */
      readonly scores: Float32Array;
      /** float32 [dies, parameters] row-major, where asked for. */
      readonly contributions: Float32Array | undefined;
      /** SHA-256 of each row, [dies × 32] bytes, where asked for. */
      readonly rowHashes?: Uint8Array | undefined;
      /** Duration of `session.run`, milliseconds. */
      readonly runMs: number;
      /** Whether the server process itself ran it. */
      readonly isExpress?: boolean;
    }
  /** The model threw: the worker lives, and one die of the batch may be to blame. */
  | { readonly kind: 'threw'; readonly message: string }
  /** The worker died or hung before it answered: the dies may be run again elsewhere. */
  | { readonly kind: 'lost'; readonly message: string };

/** Where batches run: the seam between the queues and the worker processes. */
export interface BatchRunner {
  /** Workers that could take a batch now. */
  readonly idle: number;
  /** Runs a batch on an idle worker; call it only while `idle` is above 0. Never rejects. */
  run(batch: BatchToRun): Promise<BatchOutcome>;
  /** Calls `listener` whenever a worker has become idle. */
  onIdle(listener: () => void): void;
}
