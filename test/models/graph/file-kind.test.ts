import { expect, test } from 'vitest';
import { otherFileKind } from '../../../src/models/graph/file-kind.js';
import { denseModel } from '../../support/dense-model.js';

const zip = (name: string) => `PK\x03\x04\x14\0\0\0\0\0\0\0\0\0${name}`;

test.each([
  ['', /empty/],
  ['version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n', /Git LFS pointer .*git lfs pull/],
  ['ir_version: 8\nproducer_name: "pytorch"\ngraph {\n}\n', /protobuf text/],
  ['# a comment\nir_version: 8\n', /protobuf text/],
  [
    '<\n  ir_version: 10,\n  opset_import: ["" : 19]\n>\nagraph (float[N] x) => (float[N] y) {}',
    /onnx.parser/,
  ],
  [zip('archive/data.pkl'), /PyTorch checkpoint \(.pt\).*torch.onnx.export/],
  [zip('model/constants.pkl model/data.pkl'), /TorchScript/],
  [zip('model.weights.h5'), /Keras.*format='onnx'/],
  [zip('model.ini'), /H2O MOJO/],
  [zip('whatever'), /zip archive/],
  ['\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c', /pickle.*runs no pickles/],
  ['\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.', /PyTorch checkpoint/],
  ['\x89HDF\r\n\x1a\n\0\0', /HDF5/],
  ['\x1c\0\0\0TFL3\0\0', /TensorFlow Lite/],
  ['\x1c\0\0\0ORTM\0\0', /ORT format/],
  ['\x1f\x8b\x08\0', /gzip.*decompress/],
  ['CBM1\0\0', /CatBoost.*format='onnx'/],
  ['tree\nversion=v4\n', /LightGBM/],
  ['{"learner":{"attributes":{}}}', /XGBoost/],
  ['{"irVersion":"8"}', /as JSON/],
  ['\x40\0\0\0\0\0\0\0{"weight":{}}', /safetensors/],
  ['<!DOCTYPE html><html>404</html>', /web page/],
  ['\0'.repeat(100), /zeros/],
])('%j is named for what it is', (text, expected) => {
  const said = otherFileKind(Buffer.from(text, 'latin1'));
  expect(said).toMatch(expected);
  expect(said).toMatch(/^is .*, expected an ONNX model: ./);
});

test('a model is nothing else', () => {
  expect(otherFileKind(denseModel(4, 2))).toBeUndefined();
});
