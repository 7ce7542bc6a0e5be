import type { Call, ScoredBatch } from './call.js';
import type { Slice } from './queue.js';

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
  if (only !== undefined && slices.length === 1) return rowsOf(only, parameterCount);
  let offset = 0;
  for (const slice of slices) {
    scratch.set(rowsOf(slice, parameterCount), offset);
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

function rowsOf({ call, from, count }: Slice<Call>, parameterCount: number): Float32Array {
  // A view is an object too, and most calls are one die.
  if (count === call.dies) return call.params;
  return call.params.subarray(from * parameterCount, (from + count) * parameterCount);
}
