import type { DieLabel, NamedModel } from '../../../die/die.js';
import { Refusal } from '../../../errors.js';
import type { OipVersion } from '../../../oip/engine.js';
import { faulty, matchInputs } from '../../../oip/match-inputs.js';
import type { InferOutput } from '../../../oip/outputs.js';
import type { InferRequestHead } from '../../../oip/schemas.js';
import { decodeDiesBinary } from '../../../rows/decode/binary.js';
import { faultPath } from '../../../rows/decode/refusals.js';
import { createPlainRows } from '../../../rows/decode/row-allocator.js';
import { type JsonPart, readJsonPart } from './json-part.js';
import { JSON_LENGTH_HEADER, type ReadInputs, readInputs } from './read-inputs.js';

/** An output that is to be returned, and whether as bytes behind the JSON. */
export interface RequestedOutput {
  readonly output: InferOutput;
  readonly binary: boolean;
}

/** An infer request, read and checked. */
export interface InferRequest extends ReadInputs {
  /** The caller's own id, where one was given. */
  readonly id: string | undefined;
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

/** The body of an infer request, its inputs not yet read. */
export interface InferBody {
  /** Who is to answer, as the request itself says. */
  readonly named: NamedModel;
  /** Undefined where the body is nothing but the float32 of dies. */
  readonly json: JsonPart | undefined;
  /** The bytes of binary tensors; undefined where none can follow. */
  readonly tail: Buffer | undefined;
}

/**
 * The body of an infer request from its bytes: all JSON; or, where the header says how many bytes are JSON, binary
 * tensors behind them; or, where it says 0, nothing but the little-endian float32 of one or more dies. By whose contract the
 * inputs are read is for the caller to say, as the request may name a version.
 * @param jsonLength value of {@link JSON_LENGTH_HEADER}; undefined without that header
 * @throws Refusal `bad_request`, `invalid_json` or `invalid_input`
 */
export function readInferBody(body: Buffer, jsonLength: string | undefined): InferBody {
  const jsonBytes = readJsonLength(jsonLength, body.length);
  if (jsonBytes === 0)
    return { named: { model: undefined, version: undefined }, json: undefined, tail: body };
  const json = readJsonPart(jsonBytes === undefined ? body : body.subarray(0, jsonBytes));
  const { model_name, model_version } = json.head;
  return {
    named: { model: model_name || undefined, version: model_version || undefined },
    json,
    tail: jsonBytes === undefined ? undefined : body.subarray(jsonBytes),
  };
}

/**
 * An infer request from its body.
 * @throws Refusal `invalid_input` or `batch_too_large`
 */
export function decodeInferRequest({ json, tail }: InferBody, limits: InferLimits): InferRequest {
  if (json === undefined) return rawRequest(tail ?? Buffer.alloc(0), limits);
  const { head } = json;
  const { version, maxDies, labelsOf } = limits;
  const matched = matchInputs(head.inputs, version, maxDies);
  const { dies } = matched;
  const id = head.id || undefined;
  return {
    id,
    ...readInputs(json, matched, tail, version.contract.parameterCount, labelsOf(dies, id)),
    outputs: readOutputs(head, dies, version),
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
    measurements: decodeDiesBinary(
      [body],
      version.contract,
      maxDies,
      createPlainRows(version.contract.parameterCount),
      (dies) => [...labelsOf(dies, undefined)],
    ),
    pathOf: (die, parameter) =>
      faultPath(['inputs', 0, 'data', die * version.contract.parameterCount + parameter]),
    outputs: unasked(version, true),
    timeoutMs: undefined,
  };
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
