import { randomUUID } from 'node:crypto';
import { Refusal } from '../../../errors.js';
import { type JsonTensor, readJsonTensor } from '../../../oip/json-tensor.js';
import { type InferRequestHead, InferRequestSchema } from '../../../oip/schemas.js';
import { CLOSE_BRACKET, COLON, COMMA, isSpace, OPEN_BRACKET } from '../../../rows/decode/bytes.js';
import { DECLINED, scanValues } from '../../../rows/decode/scan-values.js';
import { readJson } from './read-json.js';

/** The JSON of an infer request; the values of an only input may still be text. */
export interface JsonPart {
  readonly head: InferRequestHead;
  /**
   * The numbers of an input's `data`, float32 [dies, columns] row-major.
   * @throws Refusal `invalid_input`
   */
  readonly values: (tensor: JsonTensor) => Float32Array;
}

/**
 * Reads the JSON of an infer request. JSON.parse of a thousand dies holds up all others (226 ms measured for
 * 1,024 dies of 512 values, a third of that by scanning); so where the values are plainly an array of numbers,
 * the rest is parsed without them and they are scanned into float32. All else is read, and every refusal is
 * worded, by the plain way.
 * @throws Refusal `invalid_json` or `invalid_input`
 */
export function readJsonPart(bytes: Buffer): JsonPart {
  const found = findData(bytes);
  const head = found && parseAround(bytes, found);
  if (found === undefined || head === undefined) return readPlainly(bytes);
  return {
    head,
    values: (tensor) => scanData(bytes, found, tensor) ?? readPlainly(bytes).values(tensor),
  };
}

/** The whole by JSON.parse and the schema, which alone say what is valid. */
export function readPlainly(bytes: Buffer): JsonPart {
  const head = readJson(InferRequestSchema, bytes);
  return { head, values: (tensor) => readJsonTensor(head.inputs[tensor.index].data, tensor) };
}

/** Where an array stands: the index of its '[' and the one behind its ']'. */
interface DataSpan {
  readonly from: number;
  readonly to: number;
  /** Whether it is an array of arrays. */
  readonly nested: boolean;
}

const KEY = Buffer.from('"data"');

/** The first array behind a key "data", if it ends as one of numbers, or of arrays of numbers, would. */
export function findData(bytes: Buffer): DataSpan | undefined {
  const key = bytes.indexOf(KEY);
  if (key === -1) return undefined;
  const colon = skipSpace(bytes, key + KEY.length);
  const from = skipSpace(bytes, colon + 1);
  if (bytes[colon] !== COLON || bytes[from] !== OPEN_BRACKET) return undefined;
  const nested = bytes[skipSpace(bytes, from + 1)] === OPEN_BRACKET;
  let end = bytes.indexOf(CLOSE_BRACKET, from);
  while (nested && end !== -1) {
    const next = skipSpace(bytes, end + 1);
    if (bytes[next] !== COMMA)
      return bytes[next] === CLOSE_BRACKET ? { from, to: next + 1, nested } : undefined;
    end = bytes.indexOf(CLOSE_BRACKET, next);
  }
  return end === -1 ? undefined : { from, to: end + 1, nested };
}

// Stands for the array while the rest is parsed. Of this process alone, so that no caller can write it, escaped or
// not, and pass another array off as the values.
const STAND_IN = randomUUID();

/** The request without its values; undefined unless they are those of its only input, and all else is valid. */
function parseAround(bytes: Buffer, { from, to }: DataSpan): InferRequestHead | undefined {
  const around = Buffer.concat([
    bytes.subarray(0, from),
    Buffer.from(JSON.stringify(STAND_IN)),
    bytes.subarray(to),
  ]);
  try {
    const head = readJson(InferRequestSchema, around);
    // Values of other types are looked at one by one.
    const [{ data, datatype }] = head.inputs;
    return head.inputs.length === 1 && data === STAND_IN && datatype === 'FP32' ? head : undefined;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** The values that stand there, as JSON.parse and Math.fround give them; undefined if that is not plain. */
export function scanData(
  bytes: Buffer,
  { from, to, nested }: DataSpan,
  { dies, columns, acceptsMissing }: JsonTensor,
): Float32Array | undefined {
  const array = bytes.subarray(0, to);
  const rows = new Float32Array(dies * columns);
  const target = { rows, count: nested ? columns : rows.length, acceptsMissing };
  if (!nested) return scanValues(array, from + 1, target, 0) === to ? rows : undefined;
  let at = from + 1;
  for (let die = 0; die < dies; die++) {
    at = skipSpace(array, at);
    if (array[at] !== OPEN_BRACKET) return undefined;
    at = scanValues(array, at + 1, target, die * columns);
    if (at === DECLINED) return undefined;
    at = skipSpace(array, at);
    if (array[at++] !== (die === dies - 1 ? CLOSE_BRACKET : COMMA)) return undefined;
  }
  return at === to ? rows : undefined;
}

/** The index of the first byte from `at` on that is no space; the length of the bytes if there is none. */
function skipSpace(bytes: Buffer, at: number): number {
  while (at < bytes.length && isSpace(bytes[at])) at++;
  return at;
}
