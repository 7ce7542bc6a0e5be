import type { NamedModel } from '../../../die/die.js';
import { Refusal } from '../../../errors.js';
import {
  type InferLimits,
  type InferRequest,
  readInferRequest,
  unaskedOutputs,
} from '../../../oip/infer-request.js';
import { faulty, type MatchedInput, type MatchedInputs } from '../../../oip/match-inputs.js';
import { bytesExpected } from '../../../oip/read-inputs.js';
import { decodeDiesBinary } from '../../../rows/decode/binary.js';
import { faultPath } from '../../../rows/decode/refusals.js';
import { createPlainRows } from '../../../rows/decode/row-allocator.js';
import { type JsonPart, readJsonPart } from './json-part.js';

/** The request header that says how many bytes of a body are JSON; the others are tensors. */
export const JSON_LENGTH_HEADER = 'inference-header-content-length';

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
 * @throws Refusal `invalid_input`, or `bad_request` for another number of bytes than was announced, or `batch_too_large`
 */
export function decodeInferRequest({ json, tail }: InferBody, limits: InferLimits): InferRequest {
  if (json === undefined) return rawRequest(tail ?? Buffer.alloc(0), limits);
  return readInferRequest(
    json.head,
    { bytesOf: (inputs) => binaryParts(inputs, tail), numbersOf: json.values },
    limits,
  );
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
    outputs: unaskedOutputs(version, true),
    timeoutMs: undefined,
  };
}

/** The bytes of each input that announces some, checked against all that is said of their number. */
function binaryParts({ dies, matched }: MatchedInputs, tail: Buffer | undefined): (Buffer | undefined)[] {
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
function sizeOf(one: MatchedInput, dies: number, hasTail: boolean): number | undefined {
  const { given, input, index } = one;
  const { data, parameters } = given;
  const size = parameters?.binary_data_size;
  if (size === undefined) return undefined;
  if (!hasTail) throw faulty(sizePath(index), `expected the header ${JSON_LENGTH_HEADER}`, 'none');
  if (data !== undefined && data !== null)
    throw faulty(`inputs[${index}]`, 'expected either data or binary_data_size', 'both');
  const expected = bytesExpected(one, dies);
  if (expected === undefined || size === expected) return size;
  throw faulty(
    sizePath(index),
    `expected ${expected} for ${dies * input.columns} ${given.datatype}`,
    `${size}`,
  );
}

function sizePath(index: number): string {
  return `inputs[${index}].parameters.binary_data_size`;
}
