import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { Fault } from '../../errors.js';
import { otherFileKind } from './file-kind.js';
import { type GraphProto, type ModelProto, ModelProtoSchema } from './onnx-messages.js';

/** Protobuf knows no message above this, and neither does ONNX Runtime. */
const ONNX_FILE_LIMIT = 2 ** 31 - 1;

/** A model with its graph: every ONNX file that can be run has one. */
export type OnnxModelFile = ModelProto & { graph: GraphProto };

/**
 * Reads the bytes of an ONNX file. Tensors' `rawData` are views of `bytes`; fields that are not known are kept
 * and written back.
 * @throws Fault `invalid_model` with one line, the end of a sentence that begins with the file's name
 */
export function readOnnx(bytes: Uint8Array): OnnxModelFile {
  const refusal = tooLarge(bytes.length) ?? otherFileKind(bytes);
  if (refusal !== undefined) throw new Fault('invalid_model', [refusal]);
  let model: ModelProto;
  try {
    // A plain view: the bytes of a Buffer would be Buffers, with another idea of a slice.
    model = fromBinary(ModelProtoSchema, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    throw new Fault(
      'invalid_model',
      ['is no ONNX model: its bytes are no protobuf, or end early; copy or export it again'],
      error,
    );
  }
  if (hasGraph(model)) return model;
  throw new Fault('invalid_model', [
    'is protobuf without an ONNX graph (a TensorFlow or Core ML model?): convert it with tf2onnx or coremltools',
  ]);
}

/** The bytes of an ONNX file. @throws Fault `invalid_model` for one above 2 GB */
export function writeOnnx(model: ModelProto): Uint8Array {
  const bytes = toBinary(ModelProtoSchema, model);
  const refusal = tooLarge(bytes.length);
  if (refusal !== undefined) throw new Fault('invalid_model', [refusal]);
  return bytes;
}

/** Why a file of so many bytes can be no ONNX model: the end of a sentence that begins with its name. */
export function tooLarge(bytes: number): string | undefined {
  if (bytes <= ONNX_FILE_LIMIT) return undefined;
  return `has ${bytes} bytes, expected at most ${ONNX_FILE_LIMIT} (2 GB, the most that protobuf holds): export it with its weights as external data (external_data=True, save_as_external_data=True)`;
}

function hasGraph(model: ModelProto): model is OnnxModelFile {
  return model.graph !== undefined && model.graph.output.length > 0;
}
