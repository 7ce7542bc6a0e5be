import type { RequestedOutput } from '../../../oip/infer-request.js';
import type { InferResults, OutputValues } from '../../../oip/outputs.js';
import type { AnsweredTensor, InferAnswer } from '../../../oip/schemas.js';

/** The bytes of an answer. */
interface EncodedAnswer {
  readonly body: Buffer;
  /** How many bytes of the body are JSON, where tensors follow as bytes; undefined when all is JSON. */
  readonly jsonBytes: number | undefined;
}

/** The answer to an infer request: JSON, and behind it the outputs that were asked for as binary, in their order. */
export function encodeInferAnswer(
  version: { readonly name: string },
  id: string | undefined,
  requested: readonly RequestedOutput[],
  results: InferResults,
): EncodedAnswer {
  const tensors: Buffer[] = [];
  const dies = results.predictions.length;
  const answer: InferAnswer = {
    model_name: version.name,
    ...versionOf(results),
    ...(id === undefined ? {} : { id }),
    ...(results.predictions.some(({ fallback }) => fallback) ? { parameters: { fallback: true } } : {}),
    outputs: requested.map(({ output, binary }): AnsweredTensor => {
      const { name, datatype, dieShape } = output;
      const values = output.values(results);
      const tensor = { name, datatype, shape: [dies, ...dieShape] };
      if (!binary) return { ...tensor, data: [...values] };
      const bytes = tensorBytes(values);
      tensors.push(bytes);
      return { ...tensor, parameters: { binary_data_size: bytes.length } };
    }),
  };
  const json = Buffer.from(JSON.stringify(answer));
  return tensors.length === 0
    ? { body: json, jsonBytes: undefined }
    : { body: Buffer.concat([json, ...tensors]), jsonBytes: json.length };
}

/** The version that answered all dies; none where a split gave them to several: no single one would be true. */
function versionOf({ predictions }: InferResults): { model_version?: string } {
  const [first] = predictions;
  const isOne = predictions.every(({ model_version }) => model_version === first?.model_version);
  return isOne && first !== undefined ? { model_version: first.model_version } : {};
}

/**
 * FP32 as little-endian float32 (every platform of ONNX Runtime's binding is little-endian); BYTES as the
 * length of each element in four little-endian bytes, followed by its UTF-8.
 */
function tensorBytes(values: OutputValues): Buffer {
  if (values instanceof Float32Array) return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return Buffer.concat(
    values.flatMap((text) => {
      const bytes = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}
