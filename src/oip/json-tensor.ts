import { FLOAT32_MAX } from '../die/die.js';
import { type InputFault, MAX_LISTED_FAULTS } from '../errors.js';
import { faultPath, invalidInput } from '../rows/decode/refusals.js';
import { describeInput } from '../schema-faults.js';

/** How the `data` of an input is to be read. */
export interface JsonTensor {
  /** Place of the input in the request. */
  readonly index: number;
  readonly dies: number;
  /** Values of each die. */
  readonly columns: number;
  /** Shapes by which the values may be nested, beside one flat array; where several are as deep, the first counts. */
  readonly shapes: readonly (readonly number[])[];
  readonly acceptsMissing: boolean;
}

/**
 * The values of a JSON tensor as one buffer, float32 [dies, columns] row-major: flat, or nested as one of its shapes
 * says. A value is a number that float32 can hold, or true or false for 1 or 0; where one may be missing, null is NaN.
 * @throws Refusal `invalid_input`
 */
export function readJsonTensor(data: unknown, tensor: JsonTensor): Float32Array {
  const reader = new NumberReader(tensor);
  readNested(data, tensor, reader);
  return reader.finish();
}

/**
 * The texts of a JSON tensor, or numbers that stand for them, in the order of their values.
 * @throws Refusal `invalid_input`
 */
export function readJsonTexts(data: unknown, tensor: JsonTensor): (string | number | null)[] {
  const texts: (string | number | null)[] = [];
  readNested(data, tensor, {
    read(values, _from, path) {
      values.forEach((value, i) => {
        if (typeof value !== 'string' && typeof value !== 'number' && value !== null)
          throw wrong(tensor, [...path, i], `expected a string, found ${describeInput(value)}`);
        texts.push(value);
      });
    },
  });
  return texts;
}

/** Takes the innermost arrays of a tensor, each with the place of its first value and its own in the data. */
interface ValueReader {
  read(values: readonly unknown[], from: number, path: readonly number[]): void;
}

function readNested(data: unknown, tensor: JsonTensor, reader: ValueReader): void {
  const { dies, columns, shapes } = tensor;
  if (!Array.isArray(data)) throw wrong(tensor, [], `expected an array, found ${describeInput(data)}`);
  const depth = depthOf(data);
  if (depth === 1) {
    assertLength(tensor, data, dies * columns, 'values', []);
    reader.read(data, 0, []);
    return;
  }
  walk(tensor, data, shapes.find(({ length }) => length === depth) ?? [dies, columns], [], 0, reader);
}

/** How deep the first value lies. */
function depthOf(data: readonly unknown[]): number {
  let depth = 1;
  for (let inner: unknown = data[0]; Array.isArray(inner); inner = inner[0]) depth++;
  return depth;
}

function walk(
  tensor: JsonTensor,
  data: unknown,
  [size = 0, ...rest]: readonly number[],
  path: readonly number[],
  from: number,
  reader: ValueReader,
): void {
  if (!Array.isArray(data)) throw wrong(tensor, path, `expected an array, found ${describeInput(data)}`);
  if (rest.length === 0) {
    assertLength(tensor, data, size, 'values', path);
    reader.read(data, from, path);
    return;
  }
  assertLength(tensor, data, size, path.length === 0 && size === tensor.dies ? 'dies' : 'arrays', path);
  const step = rest.reduce((product, one) => product * one, 1);
  data.forEach((inner: unknown, i) => {
    walk(tensor, inner, rest, [...path, i], from + i * step, reader);
  });
}

/** Takes values over into a buffer and gathers their faults. */
class NumberReader implements ValueReader {
  readonly #tensor: JsonTensor;
  readonly #params: Float32Array;
  readonly #faults: InputFault[] = [];
  #totalFaults = 0;

  constructor(tensor: JsonTensor) {
    this.#tensor = tensor;
    this.#params = new Float32Array(tensor.dies * tensor.columns);
  }

  read(values: readonly unknown[], from: number, path: readonly number[]): void {
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      const float32 =
        typeof value === 'number' || typeof value === 'boolean' ? Math.fround(Number(value)) : Number.NaN;
      this.#params[from + i] = float32;
      if (!Number.isFinite(float32) && !(value === null && this.#tensor.acceptsMissing))
        this.#fault(value, [...path, i]);
    }
  }

  finish(): Float32Array {
    if (this.#totalFaults > 0) throw invalidInput(this.#faults, this.#totalFaults);
    return this.#params;
  }

  #fault(value: unknown, path: readonly number[]): void {
    this.#totalFaults++;
    if (this.#faults.length === MAX_LISTED_FAULTS) return;
    const expected =
      typeof value === 'number'
        ? `a number that float32 can hold (magnitude up to ${FLOAT32_MAX})`
        : `a number${this.#tensor.acceptsMissing ? ', or null where no value was measured' : ''}`;
    this.#faults.push({
      path: pathOf(this.#tensor, path),
      message: `expected ${expected}, found ${describeInput(value)}`,
    });
  }
}

function assertLength(
  tensor: JsonTensor,
  values: readonly unknown[],
  expected: number,
  what: string,
  path: readonly number[],
): void {
  if (values.length !== expected)
    throw wrong(tensor, path, `expected ${expected} ${what}, found ${values.length}`);
}

function wrong(tensor: JsonTensor, path: readonly number[], message: string) {
  return invalidInput([{ path: pathOf(tensor, path), message }]);
}

function pathOf({ index }: JsonTensor, path: readonly number[]): string {
  return faultPath(['inputs', index, 'data', ...path]);
}
