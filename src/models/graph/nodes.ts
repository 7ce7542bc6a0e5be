import { create } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type NodeProto,
  NodeProtoSchema,
} from './onnx-messages.js';

/** A node of ONNX's own operators. */
export function nodeOf(
  opType: string,
  input: readonly string[],
  output: string,
  attribute: readonly AttributeProto[] = [],
): NodeProto {
  return create(NodeProtoSchema, {
    opType,
    name: `${opType}_${output}`,
    input: [...input],
    output: [output],
    attribute: [...attribute],
  });
}

export function wholeAttribute(name: string, value: number): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) });
}

export function wholesAttribute(name: string, values: readonly number[]): AttributeProto {
  return create(AttributeProtoSchema, {
    name,
    type: AttributeProto_AttributeType.INTS,
    ints: values.map(BigInt),
  });
}

/** The whole number of an attribute, or what holds without it. */
export function wholeOf({ attribute }: NodeProto, name: string, otherwise: number): number {
  const found = attribute.find((one) => one.name === name);
  return found === undefined ? otherwise : Number(found.i);
}

/** The fraction of an attribute, or what holds without it. */
export function fractionOf({ attribute }: NodeProto, name: string, otherwise: number): number {
  return attribute.find((one) => one.name === name)?.f ?? otherwise;
}
