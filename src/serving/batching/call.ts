import type { Refusal } from '../../errors.js';
import type { RequestSpan } from '../../tracing/tracer.js';
import type { Lane, QueuedCall } from './queue.js';

/** The scores of one call's dies, in the order sent. */
export interface ScoredDies {
  /** float32 [dies, outputs] row-major: the fetched outputs of each die; one score for a screen. */
  readonly scores: Float32Array;
  /** Duration of the `session.run` that scored each die, milliseconds [dies]. */
  readonly runMs: Float64Array;
  /** float32 [dies, parameters] row-major, where an explanation was asked for. */
  readonly contributions: Float32Array | undefined;
}

/** How a call ended: every call ends exactly once, in one of these. */
export const OUTCOMES = ['answered', 'refused', 'expired', 'cancelled', 'failed'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What the batcher needs to know of a call. */
export interface CallRequest {
  readonly dies: number;
  /** float32 [dies, parameters] row-major; not to be written to before the call is settled. */
  readonly params: Float32Array;
  readonly lane: Lane;
  /** Time of the batcher's clock from which on a die is not run any more. */
  readonly deadlineAtMs: number;
  readonly explain: boolean;
  /** float32 [dies]: the group of equipment of each die, where drift is counted. */
  readonly groups?: Float32Array | undefined;
  /** Registers what is to happen when the client has gone, where that can be known. */
  readonly onGone?: ((listener: () => void) => void) | undefined;
  /** The span of its request, where one is recorded. */
  readonly span?: RequestSpan | undefined;
}

/** A call on its way: what waits in the queue, and where its scores are gathered. */
export class Call implements QueuedCall {
  readonly lane: Lane;
  readonly dies: number;
  readonly arrivedAtMs: number;
  readonly deadlineAtMs: number;
  readonly params: Float32Array;
  readonly explain: boolean;
  readonly groups: Float32Array | undefined;
  readonly parameterCount: number;
  readonly span: RequestSpan | undefined;
  taken = 0;
  waiting = false;
  // Made when the first row comes: how many outputs a die has is the model's to say.
  #scores: Float32Array | undefined;
  readonly #runMs: Float64Array;
  #contributions: Float32Array | undefined;
  #unscored: number;
  #settled = false;
  readonly #resolve: (scored: ScoredDies) => void;
  readonly #reject: (refusal: Refusal) => void;

  constructor(
    request: CallRequest,
    arrivedAtMs: number,
    resolve: (scored: ScoredDies) => void,
    reject: (refusal: Refusal) => void,
  ) {
    this.lane = request.lane;
    this.dies = request.dies;
    this.arrivedAtMs = arrivedAtMs;
    this.deadlineAtMs = request.deadlineAtMs;
    this.params = request.params;
    this.explain = request.explain;
    this.groups = request.groups;
    this.parameterCount = request.params.length / request.dies;
    this.span = request.span;
    this.#runMs = new Float64Array(request.dies);
    this.#unscored = request.dies;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Whether this call has had its one outcome; its dies in flight are then dropped. */
  get settled(): boolean {
    return this.#settled;
  }

  /**
   * Takes over the scores of `count` dies from row `row` of a batch's result.
   * @returns whether that was the last of the call's dies, which settles it as answered
   */
  score(from: number, count: number, row: number, batch: ScoredBatch): boolean {
    const width = batch.scores.length / batch.dies;
    this.#scores ??= new Float32Array(this.dies * width);
    this.#scores.set(batch.scores.subarray(row * width, (row + count) * width), from * width);
    this.#runMs.fill(batch.runMs, from, from + count);
    if (this.explain && batch.contributions !== undefined) {
      this.#contributions ??= new Float32Array(this.dies * this.parameterCount);
      const p = this.parameterCount;
      this.#contributions.set(batch.contributions.subarray(row * p, (row + count) * p), from * p);
    }
    this.#unscored -= count;
    if (this.#unscored > 0) return false;
    this.#settled = true;
    this.#resolve({ scores: this.#scores, runMs: this.#runMs, contributions: this.#contributions });
    return true;
  }

  /** Settles the call with a refusal; only the first settlement counts. */
  refuse(refusal: Refusal): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#reject(refusal);
  }
}

/** The rows of a batch's result that `Call.score` reads. */
export interface ScoredBatch {
  readonly dies: number;
  readonly scores: Float32Array;
  readonly contributions: Float32Array | undefined;
  readonly runMs: number;
}
