import { create } from '@bufbuild/protobuf';
import { writeOnnx } from '../../src/models/graph/onnx-file.js';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../../src/models/graph/onnx-messages.js';

const text = new TextEncoder();

/** A graph of any nodes, as exporters write them: opset 17, with ONNX-ML's operators. */
export function onnxGraph(parts: {
  readonly inputs: readonly ValueInfoProto[];
  readonly outputs: readonly ValueInfoProto[];
  readonly nodes: readonly NodeProto[];
  readonly initializers?: readonly TensorProto[];
}): Uint8Array {
  return writeOnnx(
    create(ModelProtoSchema, {
      irVersion: 8n,
      producerName: 'diegate-test',
      opsetImport: [
        create(OperatorSetIdProtoSchema, { domain: '', version: 17n }),
        create(OperatorSetIdProtoSchema, { domain: 'ai.onnx.ml', version: 3n }),
      ],
      graph: create(GraphProtoSchema, {
        name: 'test',
        input: [...parts.inputs],
        output: [...parts.outputs],
        node: [...parts.nodes],
        initializer: [...(parts.initializers ?? [])],
      }),
    }),
  );
}

/** An input or output: the batch, and the sizes after it. */
export function valueInfo(
  name: string,
  shape: readonly number[],
  type: keyof typeof TensorProto_DataType = 'FLOAT',
): ValueInfoProto {
  const batch = create(TensorShapeProto_DimensionSchema, { value: { case: 'dimParam', value: 'N' } });
  const dim = [
    batch,
    ...shape.map((size) =>
      create(TensorShapeProto_DimensionSchema, { value: { case: 'dimValue', value: BigInt(size) } }),
    ),
  ];
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: {
        case: 'tensorType',
        value: create(TypeProto_TensorSchema, {
          elemType: TensorProto_DataType[type],
          shape: create(TensorShapeProtoSchema, { dim }),
        }),
      },
    }),
  });
}

export function floats(name: string, dims: readonly number[], values: Float32Array): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType: TensorProto_DataType.FLOAT,
    rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  });
}

export function wholes(name: string, values: readonly number[]): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dims: [BigInt(values.length)],
    dataType: TensorProto_DataType.INT64,
    rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
  });
}

export function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: readonly AttributeProto[] = [],
  domain = '',
): NodeProto {
  return create(NodeProtoSchema, {
    opType,
    domain,
    name: `${opType}_${output.join('_')}`,
    input: [...input],
    output: [...output],
    attribute: [...attributes],
  });
}

/** An attribute by what its value is: a whole number, several, several floats, or texts. */
export function attribute(
  name: string,
  value:
    | { i: number }
    | { ints: readonly number[] }
    | { floats: readonly number[] }
    | { strings: readonly string[] },
): AttributeProto {
  const { INT, INTS, FLOATS, STRINGS } = AttributeProto_AttributeType;
  if ('i' in value) return create(AttributeProtoSchema, { name, type: INT, i: BigInt(value.i) });
  if ('ints' in value)
    return create(AttributeProtoSchema, { name, type: INTS, ints: value.ints.map(BigInt) });
  if ('floats' in value)
    return create(AttributeProtoSchema, { name, type: FLOATS, floats: [...value.floats] });
  return create(AttributeProtoSchema, {
    name,
    type: STRINGS,
    strings: value.strings.map((one) => text.encode(one)),
  });
}
