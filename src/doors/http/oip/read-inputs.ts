import { type DieLabel, knownCategories, type Measurements } from '../../../die/die.js';
import { type InputFault, MAX_LISTED_FAULTS, Refusal } from '../../../errors.js';
import { bytesTexts } from '../../../oip/bytes-tensor.js';
import { asFloat32Bytes, assertLossless } from '../../../oip/convert-tensor.js';
import { DATATYPES } from '../../../oip/datatypes.js';
import { faulty, type MatchedInput, type MatchedInputs } from '../../../oip/match-inputs.js';
import { faultPath, invalidInput } from '../../../rows/decode/refusals.js';
import type { JsonPart } from './json-part.js';
import { type JsonTensor, readJsonTexts } from './json-tensor.js';

/** The request header that says how many bytes of a body are JSON; the others are tensors. */
export const JSON_LENGTH_HEADER = 'inference-header-content-length';

/** The dies of a request, and where each value stood in it. */
export interface ReadInputs {
  readonly measurements: Measurements;
  /** The place of a die's value in the request, for a refusal. */
  readonly pathOf: (die: number, parameter: number) => string;
}

/**
 * The rows of all inputs: from their JSON data, or from the bytes behind the JSON, one input after another.
 * @param tail the bytes behind the JSON; undefined where no header announces any
 * @param width values of a row
 * @throws Refusal `invalid_input`, or `bad_request` for another number of bytes than was announced
 */
export function readInputs(
  json: JsonPart,
  { dies, matched }: MatchedInputs,
  tail: Buffer | undefined,
  width: number,
  labels: readonly DieLabel[],
): ReadInputs {
  const parts = binaryParts(matched, dies, tail);
  const values = matched.map((one, i) => {
    const part = parts[i];
    return part === undefined ? valuesInJson(one, json, dies) : valuesInBytes(one, part, dies);
  });
  const params = sideBySide(matched, values, dies, width);
  return { measurements: { labels, params }, pathOf: (die, parameter) => placeIn(matched, die, parameter) };
}

/** The bytes of each input that announces some, checked against all that is said of their number. */
function binaryParts(
  matched: readonly MatchedInput[],
  dies: number,
  tail: Buffer | undefined,
): (Buffer | undefined)[] {
  const sizes = matched.map((one) => sizeOf(one, dies, tail !== undefined));
  const announced = sizes.filter((size) => size !== undefined);
  const total = announced.reduce((sum, size) => sum + size, 0);
  const found = tail?.length ?? 0;
  if (found !== total && announced.length === 0) throw faulty(sizePath(0), `expected ${found}`, 'nothing');
  if (found !== total)
    throw new Refusal('bad_request', `expected ${total} bytes behind the JSON, found ${found}`);
  let at = 0;
  return sizes.map((size) => {
    if (size === undefined) return undefined;
    at += size;
    return tail?.subarray(at - size, at);
  });
}

/** The bytes that an input announces; undefined where it has its values in the JSON. */
function sizeOf({ given, input, index }: MatchedInput, dies: number, hasTail: boolean): number | undefined {
  const { data, datatype, parameters } = given;
  const size = parameters?.binary_data_size;
  if (size === undefined) return undefined;
  if (!hasTail) throw faulty(sizePath(index), `expected the header ${JSON_LENGTH_HEADER}`, 'none');
  if (data !== undefined && data !== null)
    throw faulty(`inputs[${index}]`, 'expected either data or binary_data_size', 'both');
  if (datatype === 'BYTES') return size;
  const values = dies * input.columns;
  const expected = values * DATATYPES[datatype].bytes;
  if (size === expected) return size;
  throw faulty(sizePath(index), `expected ${expected} for ${values} ${datatype}`, `${size}`);
}

function sizePath(index: number): string {
  return `inputs[${index}].parameters.binary_data_size`;
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
function valuesInJson(one: MatchedInput, json: JsonPart, dies: number): Float32Array {
  const { given, input, index } = one;
  const { columns, dieShape, acceptsMissing } = input;
  const shapes = [given.shape, [dies, columns], [dies, ...dieShape]];
  const tensor: JsonTensor = { index, dies, columns, shapes, acceptsMissing };
  if (given.datatype === 'BYTES') return positionsOf(readJsonTexts(given.data, tensor), one);
  if (!rounds(one)) assertLossless(given.data, given.datatype, index);
  return json.values(tensor);
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
