import type { DieLabel, Measurements, NamedModel } from '../../die/die.js';
import { Refusal } from '../../errors.js';
import { decodeDiesBinary } from '../decode/binary.js';
import { batchTooLarge, invalidInput } from '../decode/refusals.js';
import { createPlainRows, type RowAllocator } from '../decode/row-allocator.js';
import { asFloat32Bytes, assertLossless } from './convert-tensor.js';
import { DATATYPES } from './datatypes.js';
import type { OipVersion } from './engine.js';
import { type JsonPart, readJsonPart } from './json-part.js';
import type { InferOutput } from './outputs.js';
import type { InferInput, InferRequestHead } from './schemas.js';

/** The request header that says how many bytes of a body are JSON; the others are tensors. */
export const JSON_LENGTH_HEADER = 'inference-header-content-length';

/** An output that is to be returned, and whether as bytes behind the JSON. */
export interface RequestedOutput {
  readonly output: InferOutput;
  readonly binary: boolean;
}

/** An infer request, read and checked. */
export interface InferRequest {
  /** The caller's own id, where one was given. */
  readonly id: string | undefined;
  readonly measurements: Measurements;
  /** Who is to answer, as the request itself says. */
  readonly named: NamedModel;
  readonly outputs: readonly RequestedOutput[];
  /** Milliseconds from the request's `timeout`, where one was given. */
  readonly timeoutMs: number | undefined;
}

/** What an infer request is read by. */
export interface InferLimits {
  readonly version: OipVersion;
  readonly maxDies: number;
  /** The labels of n dies; `id` is the request's own, where one was given. */
  readonly labelsOf: (dies: number, id: string | undefined) => readonly DieLabel[];
}

// The values of a matrix that JSON may carry: writing more would stall the dies of all others.
const MAX_JSON_MATRIX = 65_536;

/**
 * An infer request from its bytes: all JSON; or, where the header says how many bytes are JSON, a binary
 * tensor behind them; or, where it says 0, nothing but the little-endian float32 of one or more dies.
 * @param jsonLength value of {@link JSON_LENGTH_HEADER}; undefined without that header
 * @throws Refusal `bad_request`, `invalid_json`, `invalid_input` or `batch_too_large`
 */
export function decodeInferRequest(
  body: Buffer,
  jsonLength: string | undefined,
  limits: InferLimits,
): InferRequest {
  const jsonBytes = readJsonLength(jsonLength, body.length);
  if (jsonBytes === 0) return rawRequest(body, limits);
  const json = readJsonPart(jsonBytes === undefined ? body : body.subarray(0, jsonBytes));
  const { head } = json;
  const tail = jsonBytes === undefined ? undefined : body.subarray(jsonBytes);
  const dies = diesOf(head.inputs[0], limits);
  return {
    id: head.id || undefined,
    named: { model: head.model_name || undefined, version: head.model_version || undefined },
    measurements: readInput(json, dies, tail, {
      ...limits,
      labelsOf: (n) => limits.labelsOf(n, head.id || undefined),
    }),
    outputs: readOutputs(head, dies, limits.version),
    timeoutMs: head.parameters?.timeout ? head.parameters.timeout / 1000 : undefined,
  };
}

function readJsonLength(text: string | undefined, bodyBytes: number): number | undefined {
  if (text === undefined) return undefined;
  const bytes = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (bytes <= bodyBytes) return bytes;
  throw new Refusal(
    'bad_request',
    `${JSON_LENGTH_HEADER}: expected a whole number up to the ${bodyBytes} bytes of the body, found "${text.slice(0, 40)}"`,
  );
}

/** A body of nothing but dies asks for every output that needs no asking by name, as binary. */
function rawRequest(body: Buffer, { version, maxDies, labelsOf }: InferLimits): InferRequest {
  return {
    id: undefined,
    named: { model: undefined, version: undefined },
    measurements: decodeDiesBinary([body], version.contract, maxDies, plainRows(version), (dies) => [
      ...labelsOf(dies, undefined),
    ]),
    outputs: unasked(version, true),
    timeoutMs: undefined,
  };
}

function plainRows({ contract }: OipVersion): RowAllocator {
  return createPlainRows(contract.parameterCount);
}

/** The number of dies by the input's shape. */
function diesOf({ name, shape }: InferInput, { version, maxDies }: InferLimits): number {
  const { inputName, contract } = version;
  if (name !== inputName) throw faulty('inputs[0].name', `expected "${inputName}"`, `"${name.slice(0, 80)}"`);
  const [dies, parameters] = shape.length === 1 ? [1, shape[0]] : shape;
  if (shape.length < 1 || shape.length > 2 || dies === 0 || parameters !== contract.parameterCount) {
    const p = contract.parameterCount;
    throw faulty(
      'inputs[0].shape',
      `expected [dies, ${p}] with 1 die or more, or [${p}] for one die`,
      `[${shape.slice(0, 8).join(', ')}]`,
    );
  }
  if (dies > maxDies) throw batchTooLarge(dies, maxDies);
  return dies;
}

/** The dies of the input: from its JSON data, or from the bytes behind the JSON. */
function readInput(
  { head, values }: JsonPart,
  dies: number,
  tail: Buffer | undefined,
  { version, maxDies, labelsOf }: InferLimits & { readonly labelsOf: (dies: number) => readonly DieLabel[] },
): Measurements {
  const [input] = head.inputs;
  if (input.parameters?.binary_data_size !== undefined) {
    const bytes = asFloat32Bytes(
      binaryOf(input, dies * version.contract.parameterCount, tail),
      input.datatype,
    );
    return decodeDiesBinary([bytes], version.contract, maxDies, plainRows(version), () => [
      ...labelsOf(dies),
    ]);
  }
  if (tail !== undefined && tail.length > 0) throw faulty(SIZE_PATH, `expected ${tail.length}`, 'nothing');
  assertLossless(input.data, input.datatype);
  return { labels: labelsOf(dies), params: values(dies, version.contract) };
}

const SIZE_PATH = 'inputs[0].parameters.binary_data_size';

/** The bytes of an input of so many values, checked against all that is said of their number. */
function binaryOf(
  { data, datatype, parameters }: InferInput,
  values: number,
  tail: Buffer | undefined,
): Buffer {
  if (tail === undefined) throw faulty(SIZE_PATH, `expected the header ${JSON_LENGTH_HEADER}`, 'none');
  if (data !== undefined && data !== null) {
    throw faulty('inputs[0]', 'expected either data or binary_data_size', 'both');
  }
  const size = parameters?.binary_data_size;
  const expected = values * DATATYPES[datatype].bytes;
  if (size !== expected) throw faulty(SIZE_PATH, `expected ${expected} for ${values} ${datatype}`, `${size}`);
  if (tail.length === expected) return tail;
  throw new Refusal('bad_request', `expected ${expected} bytes behind the JSON, found ${tail.length}`);
}

function readOutputs(
  { outputs, parameters }: InferRequestHead,
  dies: number,
  version: OipVersion,
): RequestedOutput[] {
  const binary = parameters?.binary_data_output ?? false;
  if (!outputs?.length) return unasked(version, binary);
  const asked = new Map<string, RequestedOutput>();
  outputs.forEach(({ name, parameters: own }, i) => {
    const output = version.outputs.find((known) => known.name === name);
    const found = `"${name.slice(0, 80)}"`;
    if (output === undefined) {
      const known = version.outputs.map((one) => one.name).join(', ');
      throw faulty(`outputs[${i}].name`, `expected one of ${known}`, found);
    }
    if (asked.has(name)) throw faulty(`outputs[${i}].name`, 'expected each output once', `${found} again`);
    const requested = { output, binary: own?.binary_data ?? binary };
    assertWritable(requested, dies, i);
    asked.set(name, requested);
  });
  return [...asked.values()];
}

function assertWritable({ output, binary }: RequestedOutput, dies: number, i: number): void {
  const values = output.dieShape.reduce((size, dimension) => size * dimension, dies);
  if (binary || output.dieShape.length === 0 || values <= MAX_JSON_MATRIX) return;
  const expected = `expected at most ${MAX_JSON_MATRIX} values in JSON (or binary_data: true)`;
  throw faulty(`outputs[${i}]`, expected, `${values} of "${output.name}"`);
}

function unasked({ outputs }: OipVersion, binary: boolean): RequestedOutput[] {
  return outputs.filter(({ onlyByName }) => !onlyByName).map((output) => ({ output, binary }));
}

function faulty(path: string, expected: string, found: string): Refusal {
  return invalidInput([{ path, message: `${expected}, found ${found}` }]);
}
