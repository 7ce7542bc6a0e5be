import type { DieLabel } from '../die/die.js';
import { type Headers, labelFromHeaders, labelsFromHeaders } from '../rows/decode/headers.js';
import type { OipVersion } from './engine.js';
import { faulty, matchInputs } from './match-inputs.js';
import type { InferOutput } from './outputs.js';
import { type InferValues, type ReadInputs, readInputs } from './read-inputs.js';
import type { InferRequestHead } from './schemas.js';

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

/**
 * An infer request from what it says of itself and the values of its inputs.
 * @throws Refusal `invalid_input` or `batch_too_large`, or what `values` throws
 */
export function readInferRequest(
  head: InferRequestHead,
  values: InferValues,
  { version, maxDies, labelsOf }: InferLimits,
): InferRequest {
  const matched = matchInputs(head.inputs, version, maxDies);
  const { dies } = matched;
  const id = head.id || undefined;
  return {
    id,
    ...readInputs(values, matched, version.contract.parameterCount, labelsOf(dies, id)),
    outputs: readOutputs(head, dies, version),
    timeoutMs: head.parameters?.timeout ? head.parameters.timeout / 1000 : undefined,
  };
}

/** Labels by the headers that a binary body of /predict has; ids that are not given are made of the request's. */
export function labelsOfHeaders(
  headers: Headers,
  dies: number,
  requestId: string,
  otherLabels: readonly string[] | undefined,
): DieLabel[] {
  return dies === 1 && headers['x-die-id'] !== undefined
    ? [labelFromHeaders(headers, otherLabels)]
    : labelsFromHeaders(headers, dies, requestId, otherLabels);
}

/** The outputs that a request gets which asks for none by name. */
export function unaskedOutputs({ outputs }: OipVersion, binary: boolean): RequestedOutput[] {
  return outputs.filter(({ onlyByName }) => !onlyByName).map((output) => ({ output, binary }));
}

function readOutputs(
  { outputs, parameters }: InferRequestHead,
  dies: number,
  version: OipVersion,
): RequestedOutput[] {
  const binary = parameters?.binary_data_output ?? false;
  if (!outputs?.length) return unaskedOutputs(version, binary);
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
