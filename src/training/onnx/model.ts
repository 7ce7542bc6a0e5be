/** An ONNX model as plain values: the part of onnx.proto that diegate writes. */

/** A constant tensor. The data's type is the tensor's: float32, int64. */
export interface OnnxTensor {
  readonly name: string;
  /** Sizes; empty for a scalar. Their product is the data's length. */
  readonly dims: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

/** float: a number; int and ints: bigint, so that 1 and 1.0 cannot be confused. */
export type OnnxAttribute = number | bigint | string | readonly number[] | readonly bigint[];

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

/** A float32 input or output of the graph; a string names a size that is open, such as "N". */
export interface OnnxValue {
  readonly name: string;
  readonly dims: readonly (number | string)[];
}

export interface OnnxModel {
  readonly graphName: string;
  readonly producer: { readonly name: string; readonly version: string };
  /** Version of the default operator set. */
  readonly opset: number;
  readonly doc?: string;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly initializers: readonly OnnxTensor[];
  /** In an order in which every input is there before it is used. */
  readonly nodes: readonly OnnxNode[];
}
