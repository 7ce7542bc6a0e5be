import { create } from '@bufbuild/protobuf';
import {
  type GraphProto,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
} from './onnx-messages.js';

/** A constant of a graph: float32, row-major. */
export interface ConstantFloats {
  readonly dims: readonly number[];
  readonly values: Float32Array;
}

/** The constant tensors of a graph by name: initializers and the outputs of Constant nodes. Not those of inner graphs. */
export function constantsOf({ initializer, node }: GraphProto): Map<string, TensorProto> {
  const constants = new Map(initializer.map((tensor) => [tensor.name, tensor]));
  for (const { opType, output, attribute } of node) {
    const tensor = opType === 'Constant' ? attribute.find(({ name }) => name === 'value')?.t : undefined;
    if (tensor !== undefined) constants.set(output[0] ?? '', tensor);
  }
  return constants;
}

/** The values of a float32 tensor that lie in the file; undefined for any other. */
export function floatsOf(tensor: TensorProto | undefined): ConstantFloats | undefined {
  if (tensor === undefined || tensor.dataType !== TensorProto_DataType.FLOAT) return undefined;
  if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL) return undefined;
  const dims = tensor.dims.map(Number);
  const { rawData, floatData } = tensor;
  // Copied: rawData may begin anywhere in the file.
  const values = rawData.length > 0 ? new Float32Array(rawData.slice().buffer) : Float32Array.from(floatData);
  const size = dims.reduce((product, dim) => product * dim, 1);
  return values.length === size ? { dims, values } : undefined;
}

export function floatTensor(name: string, dims: readonly number[], values: Float32Array): TensorProto {
  return tensorOf(name, dims, TensorProto_DataType.FLOAT, values);
}

export function int8Tensor(name: string, dims: readonly number[], values: Int8Array): TensorProto {
  return tensorOf(name, dims, TensorProto_DataType.INT8, values);
}

export function uint8Tensor(name: string, dims: readonly number[], values: Uint8Array): TensorProto {
  return tensorOf(name, dims, TensorProto_DataType.UINT8, values);
}

export function int32Tensor(name: string, dims: readonly number[], values: Int32Array): TensorProto {
  return tensorOf(name, dims, TensorProto_DataType.INT32, values);
}

export function int64Tensor(name: string, values: readonly bigint[]): TensorProto {
  return tensorOf(name, [values.length], TensorProto_DataType.INT64, BigInt64Array.from(values));
}

/** float16 bits. */
export function float16Tensor(name: string, dims: readonly number[], bits: Uint16Array): TensorProto {
  return tensorOf(name, dims, TensorProto_DataType.FLOAT16, bits);
}

function tensorOf(
  name: string,
  dims: readonly number[],
  dataType: number,
  values: ArrayBufferView,
): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType,
    rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  });
}
