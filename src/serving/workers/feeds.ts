import type { ELEMENT_TYPES } from '../../models/manifest/element-types.js';
import type { FeedTensor } from '../../models/manifest/input-tensors.js';

/** Makes a tensor of its parts. */
export type MakeTensor<T> = (
  type: (typeof ELEMENT_TYPES)[number],
  data: FeedData,
  dims: readonly number[],
) => T;

type FeedData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | string[];

/** Makes the tensors of a run from its rows, float32 [dies, parameters] row-major, by input. */
export type MakeFeeds<T> = (dies: number, params: Float32Array) => Record<string, T>;

/** The only input of a version that takes rows as they are; undefined where there are more, or they are converted. */
function plainInputOf(tensors: readonly FeedTensor[], parameters: number): FeedTensor | undefined {
  const [only] = tensors;
  const isPlain = tensors.length === 1 && only?.type === 'float32' && only.columns === parameters;
  return isPlain ? only : undefined;
}

/**
 * How rows are shared out to the inputs of a graph, and converted: exactly, as the rows were checked for what an
 * input cannot hold. The one float32 input of most models is the rows themselves, without a step between.
 */
export function createFeeds<T>(
  tensors: readonly FeedTensor[],
  parameters: number,
  makeTensor: MakeTensor<T>,
): MakeFeeds<T> {
  const plain = plainInputOf(tensors, parameters);
  if (plain !== undefined) {
    const { name, shape } = plain;
    return (dies, params) => ({ [name]: makeTensor('float32', params, [dies, ...shape]) });
  }
  return (dies, params) =>
    Object.fromEntries(
      tensors.map((tensor) => {
        const { name, type, shape } = tensor;
        return [name, makeTensor(type, dataOf(tensor, dies, params, parameters), [dies, ...shape])];
      }),
    );
}

function dataOf(tensor: FeedTensor, dies: number, params: Float32Array, parameters: number): FeedData {
  const { size, from, constant } = tensor;
  const valueAt = (i: number): number =>
    params[Math.floor(i / size) * parameters + from + (i % size)] ?? Number.NaN;
  if (constant !== undefined) return filled(tensor, dies * size, constant);
  return filled(tensor, dies * size, valueAt);
}

function filled(
  { type, size, categories }: FeedTensor,
  length: number,
  value: string | number | ((i: number) => number),
): FeedData {
  const at = (i: number): number => (typeof value === 'function' ? value(i) : Number(value));
  const from = { length };
  const each = (_: unknown, i: number) => at(i);
  // Dies have been checked to be whole; only the measurements that a version is tried with are made so here.
  const whole = (_: unknown, i: number) => Math.round(at(i));
  const eachBig = (_: unknown, i: number) => BigInt(Math.round(at(i)));
  switch (type) {
    case 'float32':
      return Float32Array.from(from, each);
    case 'float64':
      return Float64Array.from(from, each);
    case 'int8':
      return Int8Array.from(from, whole);
    case 'uint8':
    case 'bool':
      return Uint8Array.from(from, whole);
    case 'int16':
      return Int16Array.from(from, whole);
    case 'uint16':
      return Uint16Array.from(from, whole);
    case 'int32':
      return Int32Array.from(from, whole);
    case 'uint32':
      return Uint32Array.from(from, whole);
    case 'int64':
      return BigInt64Array.from(from, eachBig);
    case 'uint64':
      return BigUint64Array.from(from, eachBig);
    case 'string':
      return Array.from(from, (_, i) =>
        typeof value === 'function' ? categoryAt(categories?.[i % size], at(i)) : String(value),
      );
  }
}

/** The text of a position; of one that there is not, as only a trial has it, the nearest. */
function categoryAt(categories: readonly string[] = [], position: number): string {
  return categories[Math.min(Math.max(Math.round(position), 0), categories.length - 1)] ?? '';
}
