import { encodeOnnx } from '../../src/training/onnx/encode.js';
import type { OnnxTensor } from '../../src/training/onnx/model.js';

/** A small generator of numbers in [-1, 1): the same seed gives the same numbers (mulberry32). */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

/** A network of two dense layers, whose score depends on the order in which every sum is taken. */
export function denseModel(parameters: number, hidden: number): Uint8Array {
  const next = numbers(1);
  const weights = (name: string, rows: number, columns: number): OnnxTensor => ({
    name,
    dims: [rows, columns],
    data: Float32Array.from({ length: rows * columns }, next),
  });
  return encodeOnnx({
    graphName: 'dense',
    producer: { name: 'diegate-test', version: '0' },
    opset: 17,
    inputs: [{ name: 'test_params', dims: ['N', parameters] }],
    outputs: [
      { name: 'anomaly_score', dims: ['N', 1] },
      { name: 'contributions', dims: ['N', parameters] },
    ],
    initializers: [
      weights('w1', parameters, hidden),
      weights('w2', hidden, parameters),
      weights('w3', parameters, 1),
    ],
    nodes: [
      { op: 'MatMul', inputs: ['test_params', 'w1'], outputs: ['h1'] },
      { op: 'Tanh', inputs: ['h1'], outputs: ['h2'] },
      { op: 'MatMul', inputs: ['h2', 'w2'], outputs: ['h3'] },
      { op: 'Abs', inputs: ['h3'], outputs: ['contributions'] },
      { op: 'MatMul', inputs: ['contributions', 'w3'], outputs: ['anomaly_score'] },
    ],
  });
}
