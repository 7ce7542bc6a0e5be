import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { encodeOnnx } from '../../src/training/onnx/encode.js';
import type { OnnxModel } from '../../src/training/onnx/model.js';
import { temporaryFolder } from './fixtures.js';

const MODEL: OnnxModel = {
  graphName: 'small',
  producer: { name: 'test', version: '1' },
  opset: 17,
  doc: 'every kind of attribute',
  inputs: [{ name: 'x', dims: ['N', 2] }],
  outputs: [{ name: 'y', dims: ['N', 4] }],
  initializers: [
    { name: 'w', dims: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
    { name: 'b', dims: [2], data: Float32Array.of(0.5, -0.5) },
    { name: 'shape', dims: [2], data: BigInt64Array.of(-1n, 2n) },
  ],
  nodes: [
    { op: 'Gemm', inputs: ['x', 'w', 'b'], outputs: ['g'], attributes: { alpha: 2, transB: 1n } },
    { op: 'Reshape', inputs: ['g', 'shape'], outputs: ['r'] },
    { op: 'Transpose', inputs: ['r'], outputs: ['t'], attributes: { perm: [1n, 0n] } },
    { op: 'Transpose', inputs: ['t'], outputs: ['u'], attributes: { perm: [1n, 0n] } },
    { op: 'Concat', inputs: ['u', 'x'], outputs: ['y'], attributes: { axis: -1n } },
  ],
};

describe('the ONNX writer', () => {
  it('writes models that ONNX Runtime runs', async () => {
    const file = join(await temporaryFolder(), 'model.onnx');
    await writeFile(file, encodeOnnx(MODEL));
    const session = await InferenceSession.create(file);
    const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(1, 10), [1, 2]) });
    expect(y?.dims).toEqual([1, 4]);
    expect(y?.data).toEqual(Float32Array.of(42.5, 85.5, 1, 10));
  });

  it('gives the same bytes for the same model', () => {
    expect(Buffer.from(encodeOnnx(MODEL)).equals(Buffer.from(encodeOnnx(MODEL)))).toBe(true);
  });

  it('refuses a tensor whose data does not fill it', () => {
    const initializers = [{ name: 'w', dims: [2, 3], data: Float32Array.of(1) }];
    expect(() => encodeOnnx({ ...MODEL, initializers })).toThrow(
      'tensor "w" holds 1 values, expected 6 for [2, 3]',
    );
  });
});
