import { type FetchedOutput, sizeInGraph } from '../../models/manifest/fetched-outputs.js';

/** What of a tensor its values are read from. */
interface OutputTensor {
  readonly type: string;
  readonly data: unknown;
}

/**
 * The values of an output as float32 [dies, size] row-major: numbers of any type as they are nearest in float32, labels by
 * their positions, a reconstruction by its error.
 * @param params float32 [dies, parameters]: what was reconstructed
 * @throws Error naming an output of another size or type
 */
export function outputRows(
  output: FetchedOutput,
  tensor: OutputTensor | undefined,
  dies: number,
  params: Float32Array,
): Float32Array {
  const { name, labels, reconstructs } = output;
  if (labels !== undefined) return labelRows(name, labels, tensor, dies);
  const values = numbers(tensor, name, dies * sizeInGraph(output));
  return reconstructs === undefined ? values : meanSquares(values, params, reconstructs);
}

/**
 * The numbers of a tensor as float32: float32 as they are, others converted.
 * @throws Error naming an output of another size or type
 */
export function numbers(tensor: OutputTensor | undefined, name: string, length: number): Float32Array {
  const data = tensor?.data;
  const values = data instanceof Float32Array ? data : converted(data);
  if (values === undefined || tensor?.type === 'float16')
    throw new Error(`output "${name}" is ${tensor?.type}, expected numbers`);
  if (values.length !== length)
    throw new Error(`output "${name}" has ${values.length} values, expected ${length}`);
  return values;
}

/**
 * The square of each parameter's error of reconstruction, in units of its scale: float32 [dies, parameters].
 * A missing value (NaN) has none.
 * @param inverse one over the scale of each parameter
 */
export function squaredErrors(
  values: Float32Array,
  params: Float32Array,
  inverse: Float32Array,
): Float32Array {
  const width = inverse.length;
  return values.map((value, i) => {
    const given = params[i] ?? Number.NaN;
    if (Number.isNaN(given)) return 0;
    const error = (value - given) * (inverse[i % width] ?? 1);
    return error * error;
  });
}

function meanSquares(values: Float32Array, params: Float32Array, inverse: Float32Array): Float32Array {
  const width = inverse.length;
  const dies = values.length / width;
  const means = new Float32Array(dies);
  for (let die = 0; die < dies; die++) {
    let sum = 0;
    let measured = 0;
    for (let i = die * width; i < (die + 1) * width; i++) {
      const given = params[i] ?? Number.NaN;
      if (Number.isNaN(given)) continue;
      const error = ((values[i] ?? Number.NaN) - given) * (inverse[i % width] ?? 1);
      sum += error * error;
      measured++;
    }
    means[die] = measured === 0 ? Number.NaN : sum / measured;
  }
  return means;
}

/** Labels as their positions; NaN for one that is none of them. */
function labelRows(
  name: string,
  labels: readonly (number | string)[],
  tensor: OutputTensor | undefined,
  dies: number,
): Float32Array {
  const data = tensor?.data;
  const found = isList(data) ? Array.from(data, String) : undefined;
  if (found === undefined) throw new Error(`output "${name}" is ${tensor?.type}, expected labels`);
  if (found.length !== dies) throw new Error(`output "${name}" has ${found.length} values, expected ${dies}`);
  const positions = new Map(labels.map((label, i) => [String(label), i]));
  // Names for 0, 1, ...: nobody said what the graph gives for each.
  const counts = labels.every((label) => typeof label === 'string' && Number.isNaN(Number(label)));
  return Float32Array.from(found, (label) => {
    const position = positions.get(label) ?? (counts ? Number(label) : Number.NaN);
    return position in labels ? position : Number.NaN;
  });
}

function converted(data: unknown): Float32Array | undefined {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array)
    return Float32Array.from(data, (value) => Number(value));
  if (isNumbers(data)) return Float32Array.from(data);
  return undefined;
}

function isNumbers(data: unknown): data is ArrayLike<number> {
  return (
    ArrayBuffer.isView(data) &&
    !(data instanceof DataView || data instanceof BigInt64Array || data instanceof BigUint64Array)
  );
}

function isList(data: unknown): data is ArrayLike<number | bigint | string> {
  return Array.isArray(data) || (ArrayBuffer.isView(data) && !(data instanceof DataView));
}
