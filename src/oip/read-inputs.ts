import { type DieLabel, knownCategories, type Measurements } from '../die/die.js';
import { type InputFault, MAX_LISTED_FAULTS } from '../errors.js';
import { faultPath, invalidInput } from '../rows/decode/refusals.js';
import { bytesTexts } from './bytes-tensor.js';
import { asFloat32Bytes, assertLossless } from './convert-tensor.js';
import { DATATYPES } from './datatypes.js';
import { type JsonTensor, readJsonTexts } from './json-tensor.js';
import type { MatchedInput, MatchedInputs } from './match-inputs.js';

/** Where the values of a request's inputs are: some as bytes, some in JSON. */
export interface InferValues {
  /**
   * The bytes of each input, little-endian, as many as its shape and its datatype say; undefined of one that has its
   * values in JSON.
   * @throws Refusal `invalid_input` or `bad_request`
   */
  readonly bytesOf: (inputs: MatchedInputs) => readonly (Buffer | undefined)[];
  /**
   * The numbers of an input's `data`, float32 [dies, columns] row-major.
   * @throws Refusal `invalid_input`
   */
  readonly numbersOf: (tensor: JsonTensor) => Float32Array;
}

/** The dies of a request, and where each value stood in it. */
export interface ReadInputs {
  readonly measurements: Measurements;
  /** The place of a die's value in the request, for a refusal. */
  readonly pathOf: (die: number, parameter: number) => string;
}

/**
 * The rows of all inputs, from their JSON data or from their bytes.
 * @param width values of a row
 * @throws Refusal `invalid_input`, or what `source` throws
 */
export function readInputs(
  source: InferValues,
  inputs: MatchedInputs,
  width: number,
  labels: readonly DieLabel[],
): ReadInputs {
  const { dies, matched } = inputs;
  const bytes = source.bytesOf(inputs);
  const values = matched.map((one, i) => {
    const own = bytes[i];
    return own === undefined ? valuesInJson(one, source, dies) : valuesInBytes(one, own, dies);
  });
  const params = sideBySide(matched, values, dies, width);
  return { measurements: { labels, params }, pathOf: (die, parameter) => placeIn(matched, die, parameter) };
}

/**
 * How many bytes an input of numbers has; undefined of texts, which have their own lengths.
 * @param dies of the request
 */
export function bytesExpected({ given, input }: MatchedInput, dies: number): number | undefined {
  return given.datatype === 'BYTES' ? undefined : dies * input.columns * DATATYPES[given.datatype].bytes;
}

/** float32 [dies, columns] row-major. */
function valuesInBytes(one: MatchedInput, bytes: Buffer, dies: number): Float32Array {
  const { given, input, index } = one;
  const path = `inputs[${index}]`;
  if (given.datatype === 'BYTES') return positionsOf(bytesTexts(bytes, dies * input.columns, path), one);
  const floats = asFloat32Bytes(bytes, given.datatype, { index, rounds: rounds(one) });
  // A copy: the bytes may begin anywhere.
  const values = new Float32Array(new Uint8Array(floats).buffer);
  assertKnown(values, one);
  return values;
}

/** float32 [dies, columns] row-major. */
function valuesInJson(one: MatchedInput, source: InferValues, dies: number): Float32Array {
  const { given, input, index } = one;
  const { columns, dieShape, acceptsMissing } = input;
  const shapes = [given.shape, [dies, columns], [dies, ...dieShape]];
  const tensor: JsonTensor = { index, dies, columns, shapes, acceptsMissing };
  if (given.datatype === 'BYTES') return positionsOf(readJsonTexts(given.data, tensor), one);
  if (!rounds(one)) assertLossless(given.data, given.datatype, index);
  return source.numbersOf(tensor);
}

/** A graph of float64 is sent float64, which it gets with the seven digits of float32: no other way leads there. */
function rounds({ given, input }: MatchedInput): boolean {
  return input.datatype === 'FP64' && given.datatype === 'FP64';
}

/** Refuses what is no number in bytes; of those that may be missing only infinities. */
function assertKnown(values: Float32Array, { input, index }: MatchedInput): void {
  const { acceptsMissing } = input;
  const faults: InputFault[] = [];
  let total = 0;
  const expected = `expected a finite number${acceptsMissing ? ', or NaN where no value was measured' : ''}`;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (Number.isFinite(value) || (acceptsMissing && Number.isNaN(value))) continue;
    total++;
    if (faults.length < MAX_LISTED_FAULTS)
      faults.push({ path: faultPath(['inputs', index, 'data', i]), message: `${expected}, found ${value}` });
  }
  if (total > 0) throw invalidInput(faults, total);
}

/** The places of categories by their texts, NaN for null; a number is a place already. */
function positionsOf(
  texts: readonly (string | number | null)[],
  { input, index }: MatchedInput,
): Float32Array {
  const faults: InputFault[] = [];
  let total = 0;
  const positions = Float32Array.from(texts, (text, i) => {
    if (text === null) return Number.NaN;
    if (typeof text === 'number') return text;
    const category = input.categories.get(input.from + (i % input.columns));
    const position = category?.positions.get(text) ?? category?.unknown;
    if (position !== undefined) return position;
    total++;
    const expected =
      category === undefined ? 'a number' : `${category.name}: expected ${knownCategories(category)}`;
    if (faults.length < MAX_LISTED_FAULTS)
      faults.push({
        path: faultPath(['inputs', index, 'data', i]),
        message: `${expected}, found "${text.slice(0, 40)}"`,
      });
    return Number.NaN;
  });
  if (total > 0) throw invalidInput(faults, total);
  return positions;
}

/** The rows of all inputs; of one that fills them whole its own buffer. */
function sideBySide(
  matched: readonly MatchedInput[],
  values: readonly Float32Array[],
  dies: number,
  width: number,
): Float32Array {
  const [only] = values;
  if (only !== undefined && values.length === 1) return only;
  const rows = new Float32Array(dies * width);
  matched.forEach(({ input: { from, columns } }, i) => {
    const own = values[i];
    for (let die = 0; own !== undefined && die < dies; die++)
      rows.set(own.subarray(die * columns, (die + 1) * columns), die * width + from);
  });
  return rows;
}

function placeIn(matched: readonly MatchedInput[], die: number, parameter: number): string {
  const one = matched.find(({ input: { from, columns } }) => parameter >= from && parameter < from + columns);
  if (one === undefined) return 'inputs';
  const { from, columns } = one.input;
  return faultPath(['inputs', one.index, 'data', die * columns + parameter - from]);
}
