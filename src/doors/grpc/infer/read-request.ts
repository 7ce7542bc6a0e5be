import type { MessageShape } from '@bufbuild/protobuf';
import { type InferLimits, type InferRequest, readInferRequest } from '../../../oip/infer-request.js';
import { faulty, type MatchedInputs } from '../../../oip/match-inputs.js';
import { bytesExpected } from '../../../oip/read-inputs.js';
import { type InferRequestHead, InferRequestSchema } from '../../../oip/schemas.js';
import { faultPath, invalidInput } from '../../../rows/decode/refusals.js';
import type {
  InferParameter,
  ModelInferRequest_InferInputTensor as InputTensor,
  ModelInferRequestSchema,
} from '../messages/inference-messages.js';
import { contentsBytes } from './tensor-contents.js';

type Request = MessageShape<typeof ModelInferRequestSchema>;

/** The bytes of an input's values, and where a refusal says that there are too many or too few. */
interface InputBytes {
  readonly bytes: Buffer;
  readonly path: string;
}

/** A request whose inputs are not yet read: by whose contract they are is for the caller to say. */
export interface InferMessage {
  readonly head: InferRequestHead;
  /** Of each input. */
  readonly bytes: readonly InputBytes[];
  /** Whether its values are in `contents`, as those of its answer are to be. */
  readonly isTyped: boolean;
}

/**
 * What a ModelInferRequest says, by the same schema as the JSON of /v2.
 * @throws Refusal `invalid_input`
 */
export function readInferMessage(request: Request): InferMessage {
  const bytes = request.inputs.map((input, i) => bytesOf(request, input, i));
  assertNoMoreRaw(request);
  const parsed = InferRequestSchema.safeParse({
    id: request.id,
    model_name: request.modelName,
    model_version: request.modelVersion,
    parameters: { ...parametersOf(request.parameters), binary_data_output: true },
    inputs: request.inputs.map(({ name, datatype, shape, parameters }) => ({
      name,
      datatype,
      shape: shape.map(Number),
      parameters: parametersOf(parameters),
    })),
    outputs: request.outputs.map(({ name, parameters }) => ({ name, parameters: parametersOf(parameters) })),
  });
  if (!parsed.success) {
    throw invalidInput(parsed.error.issues.map(({ path, message }) => ({ path: faultPath(path), message })));
  }
  return { head: parsed.data, bytes, isTyped: request.rawInputContents.length === 0 };
}

/**
 * The request by the contract of a version.
 * @throws Refusal `invalid_input` or `batch_too_large`
 */
export function readInferTensors({ head, bytes }: InferMessage, limits: InferLimits): InferRequest {
  return readInferRequest(
    head,
    {
      bytesOf: (inputs) => assertSizes(inputs, bytes),
      numbersOf: () => {
        throw new Error('an input of gRPC has its values as bytes');
      },
    },
    limits,
  );
}

function bytesOf({ rawInputContents }: Request, input: InputTensor, i: number): InputBytes {
  const raw = rawInputContents[i];
  if (rawInputContents.length === 0) return contentsBytes(input, i);
  if (input.contents !== undefined) {
    throw faulty(
      `inputs[${i}]`,
      'expected its values either in contents or in raw_input_contents',
      'both filled',
    );
  }
  const path = `raw_input_contents[${i}]`;
  if (raw === undefined)
    throw faulty(path, 'expected the bytes of each input', `${rawInputContents.length} of them`);
  return { bytes: Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength), path };
}

function assertNoMoreRaw({ inputs, rawInputContents }: Request): void {
  if (rawInputContents.length <= inputs.length) return;
  throw faulty(
    'raw_input_contents',
    `expected ${inputs.length}, as many as inputs`,
    `${rawInputContents.length}`,
  );
}

function assertSizes({ dies, matched }: MatchedInputs, bytes: readonly InputBytes[]): Buffer[] {
  return matched.map((one) => {
    const own = bytes[one.index];
    if (own === undefined) throw new Error(`input ${one.index} has no bytes`);
    const expected = bytesExpected(one, dies);
    if (expected === undefined || own.bytes.length === expected) return own.bytes;
    const { datatype } = one.given;
    throw faulty(
      own.path,
      `expected ${expected} bytes for ${dies * one.input.columns} ${datatype}`,
      `${own.bytes.length}`,
    );
  });
}

/** Parameters as JSON has them. */
function parametersOf(parameters: { readonly [name: string]: InferParameter }): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(parameters).map(
      ([
        name,
        {
          parameterChoice: { value },
        },
      ]) => [name, typeof value === 'bigint' ? Number(value) : value],
    ),
  );
}
