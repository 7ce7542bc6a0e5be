import { PbfWriter } from 'pbf';
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './model.js';

/** IR version 8 came with opset 15 to 18's generation; every ONNX Runtime since 1.10 reads it. */
const IR_VERSION = 8;

/** TensorProto.DataType */
const FLOAT = 1;
const INT64 = 7;

/** AttributeProto.AttributeType */
const ATTRIBUTE = { FLOAT: 1, INT: 2, STRING: 3, FLOATS: 6, INTS: 7 } as const;

/**
 * The bytes of a model.onnx. The same model gives the same bytes. Field numbers are those of
 * onnx/onnx.proto; throws a RangeError for a tensor whose data does not fill its dims.
 */
export function encodeOnnx(model: OnnxModel): Uint8Array {
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, IR_VERSION); // ir_version
  pbf.writeStringField(2, model.producer.name); // producer_name
  pbf.writeStringField(3, model.producer.version); // producer_version
  if (model.doc !== undefined) pbf.writeStringField(6, model.doc); // doc_string
  pbf.writeMessage(7, writeGraph, model); // graph
  pbf.writeMessage(8, writeOpset, model.opset); // opset_import
  return pbf.finish();
}

function writeOpset(version: number, pbf: PbfWriter): void {
  pbf.writeStringField(1, ''); // domain: the default operators
  pbf.writeVarintField(2, version); // version
}

function writeGraph(model: OnnxModel, pbf: PbfWriter): void {
  for (const [i, node] of model.nodes.entries()) pbf.writeMessage(1, writeNode, { node, i }); // node
  pbf.writeStringField(2, model.graphName); // name
  for (const tensor of model.initializers) pbf.writeMessage(5, writeTensor, tensor); // initializer
  for (const value of model.inputs) pbf.writeMessage(11, writeValueInfo, value); // input
  for (const value of model.outputs) pbf.writeMessage(12, writeValueInfo, value); // output
}

function writeNode({ node, i }: { node: OnnxNode; i: number }, pbf: PbfWriter): void {
  for (const name of node.inputs) pbf.writeStringField(1, name); // input
  for (const name of node.outputs) pbf.writeStringField(2, name); // output
  pbf.writeStringField(3, `${node.op}_${i}`); // name
  pbf.writeStringField(4, node.op); // op_type
  for (const attribute of Object.entries(node.attributes ?? {})) {
    pbf.writeMessage(5, writeAttribute, attribute); // attribute
  }
}

function writeAttribute([name, value]: [string, OnnxAttribute], pbf: PbfWriter): void {
  pbf.writeStringField(1, name); // name
  const type = (t: number) => pbf.writeVarintField(20, t); // type
  if (typeof value === 'number') {
    pbf.writeFloatField(2, value); // f
    type(ATTRIBUTE.FLOAT);
  } else if (typeof value === 'bigint') {
    pbf.writeVarintField(3, Number(value)); // i
    type(ATTRIBUTE.INT);
  } else if (typeof value === 'string') {
    pbf.writeStringField(4, value); // s
    type(ATTRIBUTE.STRING);
  } else if (isBigints(value)) {
    for (const item of value) pbf.writeVarintField(8, Number(item)); // ints
    type(ATTRIBUTE.INTS);
  } else {
    for (const item of value) pbf.writeFloatField(7, item); // floats
    type(ATTRIBUTE.FLOATS);
  }
}

/** An empty list counts as ints: a list of no axes is the only empty one that ONNX knows. */
function isBigints(values: readonly number[] | readonly bigint[]): values is readonly bigint[] {
  return typeof (values[0] ?? 0n) === 'bigint';
}

function writeTensor({ name, dims, data }: OnnxTensor, pbf: PbfWriter): void {
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (data.length !== size) {
    throw new RangeError(
      `tensor "${name}" holds ${data.length} values, expected ${size} for [${dims.join(', ')}]`,
    );
  }
  for (const dim of dims) pbf.writeVarintField(1, dim); // dims
  pbf.writeVarintField(2, data instanceof Float32Array ? FLOAT : INT64); // data_type
  pbf.writeStringField(8, name); // name
  pbf.writeBytesField(9, littleEndian(data)); // raw_data
}

/** raw_data is little-endian on every machine. */
function littleEndian(data: Float32Array | BigInt64Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(data.byteLength));
  if (data instanceof Float32Array) data.forEach((value, i) => void view.setFloat32(i * 4, value, true));
  else data.forEach((value, i) => void view.setBigInt64(i * 8, value, true));
  return new Uint8Array(view.buffer);
}

function writeValueInfo({ name, dims }: OnnxValue, pbf: PbfWriter): void {
  pbf.writeStringField(1, name); // name
  pbf.writeMessage(2, writeType, dims); // type
}

function writeType(dims: OnnxValue['dims'], pbf: PbfWriter): void {
  pbf.writeMessage(1, writeTensorType, dims); // tensor_type
}

function writeTensorType(dims: OnnxValue['dims'], pbf: PbfWriter): void {
  pbf.writeVarintField(1, FLOAT); // elem_type
  pbf.writeMessage(2, writeShape, dims); // shape
}

function writeShape(dims: OnnxValue['dims'], pbf: PbfWriter): void {
  for (const dim of dims) pbf.writeMessage(1, writeDimension, dim); // dim
}

function writeDimension(dim: number | string, pbf: PbfWriter): void {
  if (typeof dim === 'number')
    pbf.writeVarintField(1, dim); // dim_value
  else pbf.writeStringField(2, dim); // dim_param
}
