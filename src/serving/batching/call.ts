import { Refusal } from '../../errors.js';
import type { RequestSpan } from '../../tracing/tracer.js';
import type { Lane, QueuedCall, Slice } from './queue.js';

/** The scores of one call's dies, in the order sent. */
export interface ScoredDies {
  /** float32 [dies, outputs] row-major: the fetched outputs of each die; one score for a screen. */
  readonly scores: Float32Array;
  /** Duration of the `session.run` that scored each die, milliseconds [dies]. */
  readonly runMs: readonly number[];
  /** float32 [dies, parameters] row-major, where an explanation was asked for. */
  readonly contributions: Float32Array | undefined;
  /** SHA-256 of each die's row, [dies × 32] bytes, where rows are hashed. */
  readonly rowHashes?: Uint8Array | undefined;
}

/** How a call ended: every call ends exactly once, in one of these. */
const OUTCOMES = ['answered', 'refused', 'expired', 'cancelled', 'failed'] as const;
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
  // Where the dies come back in several batches, their rows are gathered here.
  #gathered: GatheredRows | undefined;
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
    const rows = rowsOf(batch, row, count, this.explain);
    this.#unscored -= count;
    if (count < this.dies) {
      this.#gathered ??= new GatheredRows(this.dies, count, rows);
      this.#gathered.set(from, count, rows);
    }
    if (this.#unscored > 0) return false;
    this.#settled = true;
    this.#resolve(this.#gathered ?? rows);
    return true;
  }

  /** Settles the call with a refusal; only the first settlement counts. */
  refuse(refusal: Refusal): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#reject(refusal);
  }
}

const HASH_BYTES = 32;

/** The result of a batch. */
interface ScoredBatch {
  readonly dies: number;
  readonly scores: Float32Array;
  readonly contributions: Float32Array | undefined;
  readonly rowHashes?: Uint8Array | undefined;
  readonly runMs: number;
}

/** Some rows of a batch's result, as views of it. */
function rowsOf(batch: ScoredBatch, row: number, count: number, explain: boolean): ScoredDies {
  const view = (values: Float32Array) => {
    const width = values.length / batch.dies;
    return values.subarray(row * width, (row + count) * width);
  };
  return {
    scores: view(batch.scores),
    runMs: new Array<number>(count).fill(batch.runMs),
    contributions: explain && batch.contributions !== undefined ? view(batch.contributions) : undefined,
    rowHashes: batch.rowHashes?.subarray(row * HASH_BYTES, (row + count) * HASH_BYTES),
  };
}

/** The scores of a call whose dies come back in several batches, put together. */
class GatheredRows implements ScoredDies {
  readonly scores: Float32Array;
  readonly runMs: number[];
  readonly contributions: Float32Array | undefined;
  readonly rowHashes: Uint8Array | undefined;

  /** @param rows of the first batch, `count` of them: how many outputs a die has is the model's to say */
  constructor(dies: number, count: number, rows: ScoredDies) {
    const gathering = (values: Float32Array) => new Float32Array((values.length / count) * dies);
    this.scores = gathering(rows.scores);
    this.runMs = new Array<number>(dies).fill(0);
    this.contributions = rows.contributions && gathering(rows.contributions);
    this.rowHashes = rows.rowHashes && new Uint8Array(dies * HASH_BYTES);
  }

  /** Takes over rows of a batch as those of the `count` dies from `from` on. */
  set(from: number, count: number, { scores, runMs, contributions, rowHashes }: ScoredDies): void {
    this.scores.set(scores, (scores.length / count) * from);
    for (let i = 0; i < count; i++) this.runMs[from + i] = runMs[i] ?? 0;
    if (rowHashes !== undefined) this.rowHashes?.set(rowHashes, from * HASH_BYTES);
    if (contributions !== undefined)
      this.contributions?.set(contributions, (contributions.length / count) * from);
  }
}

/** Number of dies in all slices. */
export function diesOf(slices: readonly Slice<Call>[]): number {
  let dies = 0;
  for (const slice of slices) dies += slice.count;
  return dies;
}

/**
 * The rows of all slices as one float32 [dies, parameters] row-major buffer. A single slice is
 * returned as a view of its call's own buffer; several are copied into `scratch`, which must be
 * large enough.
 */
export function gather(
  slices: readonly Slice<Call>[],
  parameterCount: number,
  scratch: Float32Array,
): Float32Array {
  const [only] = slices;
  if (only !== undefined && slices.length === 1) return rowsOfSlice(only, parameterCount);
  let offset = 0;
  for (const slice of slices) {
    scratch.set(rowsOfSlice(slice, parameterCount), offset);
    offset += slice.count * parameterCount;
  }
  return scratch.subarray(0, offset);
}

/**
 * The groups of all slices' dies, float32 [dies]; undefined when a call among them has none: calls of one
 * version all have them or none has.
 */
export function gatherGroups(slices: readonly Slice<Call>[], dies: number): Float32Array | undefined {
  const [only] = slices;
  if (only !== undefined && slices.length === 1)
    return only.call.groups?.subarray(only.from, only.from + only.count);
  const groups = new Float32Array(dies);
  let at = 0;
  for (const { call, from, count } of slices) {
    if (call.groups === undefined) return undefined;
    for (let die = from; die < from + count; die++) groups[at++] = call.groups[die] ?? 0;
  }
  return groups;
}

/**
 * Gives every slice its own rows of the result, whatever became of its neighbours.
 * @returns the calls that were settled by it
 */
export function scatter(slices: readonly Slice<Call>[], batch: ScoredBatch): Call[] {
  const answered: Call[] = [];
  let row = 0;
  for (const { call, from, count } of slices) {
    if (!call.settled && call.score(from, count, row, batch)) answered.push(call);
    row += count;
  }
  return answered;
}

/** Cuts slices of two dies or more into two halves, for finding the one die that a model throws on. */
export function halve(slices: readonly Slice<Call>[]): [Slice<Call>[], Slice<Call>[]] {
  const first: Slice<Call>[] = [];
  const second: Slice<Call>[] = [];
  let room = Math.ceil(diesOf(slices) / 2);
  for (const { call, from, count } of slices) {
    const here = Math.min(room, count);
    if (here > 0) first.push({ call, from, count: here });
    if (here < count) second.push({ call, from: from + here, count: count - here });
    room -= here;
  }
  return [first, second];
}

function rowsOfSlice({ call, from, count }: Slice<Call>, parameterCount: number): Float32Array {
  // A view is an object too, and most calls are one die.
  if (count === call.dies) return call.params;
  return call.params.subarray(from * parameterCount, (from + count) * parameterCount);
}

/** What slices have in common once they are a batch. */
interface BatchFacts {
  /** When the first of their dies arrived; not after `nowMs`. */
  readonly oldestMs: number;
  readonly nearestDeadlineAtMs: number;
  readonly explain: boolean;
  readonly isTraced: boolean;
}

/** The facts of a batch that leaves at `nowMs`. */
export function batchFacts(slices: readonly Slice<Call>[], nowMs: number): BatchFacts {
  let oldestMs = nowMs;
  let nearestDeadlineAtMs = Number.POSITIVE_INFINITY;
  let explain = false;
  let isTraced = false;
  for (const { call } of slices) {
    oldestMs = Math.min(oldestMs, call.arrivedAtMs);
    nearestDeadlineAtMs = Math.min(nearestDeadlineAtMs, call.deadlineAtMs);
    explain ||= call.explain;
    isTraced ||= call.span !== undefined;
  }
  return { oldestMs, nearestDeadlineAtMs, explain, isTraced };
}

/** The refusal of a call whose deadline has passed. */
export function deadlineExceeded(): Refusal {
  return new Refusal('deadline_exceeded', 'the deadline passed before the die was scored');
}

/** The refusal of a call whose client has gone, for nobody to read. */
export function clientGone(): Refusal {
  return new Refusal('bad_request', 'the client closed the connection before it was answered');
}
