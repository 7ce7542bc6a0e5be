import type { RequestedOutput } from '../../../oip/infer-request.js';
import { answeringVersion, type InferResults, tensorBytes } from '../../../oip/outputs.js';
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
  const answered = answeringVersion(results);
  const answer: InferAnswer = {
    model_name: version.name,
    ...(answered === undefined ? {} : { model_version: answered }),
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
