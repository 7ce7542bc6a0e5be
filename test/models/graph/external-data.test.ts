import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../../src/errors.js';
import {
  externalFiles,
  externalTensors,
  inlineExternalData,
} from '../../../src/models/graph/external-data.js';
import { readOnnx, writeOnnx } from '../../../src/models/graph/onnx-file.js';
import {
  AttributeProtoSchema,
  GraphProtoSchema,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from '../../../src/models/graph/onnx-messages.js';
import { denseModel } from '../../support/dense-model.js';

/** Moves the values of a tensor out of it. */
function moveOut(tensor: TensorProto, location: string, offset?: number): Uint8Array {
  const entry = (key: string, value: string) => create(StringStringEntryProtoSchema, { key, value });
  const values = tensor.rawData;
  tensor.rawData = new Uint8Array();
  tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
  tensor.externalData = [
    entry('location', location),
    ...(offset === undefined
      ? []
      : [entry('offset', String(offset)), entry('length', String(values.length))]),
  ];
  return values;
}

function movedOut(location: string): { bytes: Uint8Array; data: Uint8Array } {
  const model = readOnnx(denseModel(8, 4));
  const [first, second] = model.graph.initializer;
  if (first === undefined || second === undefined) throw new Error('expected two tensors');
  const data = Buffer.concat([
    moveOut(first, location, 0),
    moveOut(second, location, 8 * 4 * Float32Array.BYTES_PER_ELEMENT),
  ]);
  return { bytes: writeOnnx(model), data };
}

test('a model that holds its own weights needs no files', () => {
  expect(externalFiles(denseModel(8, 4))).toEqual([]);
});

test('files are listed once, tensors with their place', () => {
  const { bytes } = movedOut('model.onnx.data');
  expect(externalFiles(bytes)).toEqual(['model.onnx.data']);
  expect(externalTensors(bytes)).toEqual([
    { tensor: 'w1', location: 'model.onnx.data', offset: 0, length: 128 },
    { tensor: 'w2', location: 'model.onnx.data', offset: 128, length: 128 },
  ]);
});

test('tensors in the branches of a node and in functions are found too', () => {
  const model = readOnnx(denseModel(8, 4));
  const tensor = create(TensorProtoSchema, {
    name: 'inner',
    dataType: 1,
    dims: [1n],
    rawData: new Uint8Array(4),
  });
  moveOut(tensor, 'inner.bin');
  const g = create(GraphProtoSchema, {
    node: [
      create(NodeProtoSchema, {
        opType: 'Constant',
        attribute: [create(AttributeProtoSchema, { name: 'value', t: tensor })],
      }),
    ],
  });
  model.graph.node.push(
    create(NodeProtoSchema, {
      opType: 'If',
      attribute: [create(AttributeProtoSchema, { name: 'then_branch', g })],
    }),
  );
  expect(externalFiles(writeOnnx(model))).toEqual(['inner.bin']);
});

describe('a place outside of the folder of the model is refused', () => {
  test.each(['', '..', '../secret', '/etc/passwd', 'a/../../b', 'C:\\weights', '*/_ORT_MEM_ADDR_/*', './w'])(
    '%j',
    (location) => {
      const { bytes } = movedOut(location);
      expect(() => externalFiles(bytes)).toThrow(Fault);
    },
  );
});

test('weights that are put back make the model that it was', () => {
  const { bytes, data } = movedOut('model.onnx.data');
  const model = readOnnx(bytes);
  expect(inlineExternalData(model, () => data)).toEqual(['w1', 'w2']);
  const original = readOnnx(denseModel(8, 4));
  expect(model.graph.initializer.map(({ rawData }) => Buffer.from(rawData).toString('hex'))).toEqual(
    original.graph.initializer.map(({ rawData }) => Buffer.from(rawData).toString('hex')),
  );
  expect(externalFiles(writeOnnx(model))).toEqual([]);
});

test('a file that is shorter than its tensors is told', () => {
  const { bytes, data } = movedOut('w.bin');
  expect(() => inlineExternalData(readOnnx(bytes), () => data.subarray(0, 200))).toThrow(
    'tensor "w2" lies in "w.bin" up to byte 256, which has only 200',
  );
});
