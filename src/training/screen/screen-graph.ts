import { encodeOnnx } from '../onnx/encode.js';
import type { OnnxTensor } from '../onnx/model.js';
import type { Screen } from './screen.js';
import { MAX_STANDARD_SCORE } from './standardise.js';

/** Names of the graph's input and outputs, as the manifest repeats them. */
export const INPUT = 'test_params';
export const SCORE = 'anomaly_score';
export const CONTRIBUTIONS = 'contributions';

const OPSET = 17;

/**
 * ONNX Runtime sums a row in steps of four values that begin at multiples of 16 bytes in memory, and what lies before
 * and after them apart. Where rows are a multiple of 16 bytes long, every row of a batch begins at one, as a row alone
 * does: the same additions in the same order, and so the same bits.
 */
const SUMMED_TOGETHER = 4;

/**
 * The screen as the bytes of a model.onnx: `test_params` float32 [N, parameters] to `anomaly_score`
 * float32 [N] and `contributions` float32 [N, parameters]. Finite for every finite or NaN input, and the same bits for a
 * die alone and in any batch.
 */
export function screenAsOnnx(screen: Screen, producerVersion: string): Uint8Array {
  const { parameters, components, projection, back, direct, standardisation } = screen;
  const float = (name: string, dims: readonly number[], data: Float32Array): OnnxTensor => ({
    name,
    dims,
    data,
  });
  const padding = (SUMMED_TOGETHER - (parameters % SUMMED_TOGETHER)) % SUMMED_TOGETHER;
  const summed = padding === 0 ? CONTRIBUTIONS : 'padded';
  return encodeOnnx({
    graphName: 'multivariate-outlier-screen',
    producer: { name: 'diegate', version: producerVersion },
    opset: OPSET,
    inputs: [{ name: INPUT, dims: ['N', parameters] }],
    outputs: [
      { name: SCORE, dims: ['N'] },
      { name: CONTRIBUTIONS, dims: ['N', parameters] },
    ],
    initializers: [
      float('centre', [parameters], standardisation.centre),
      float('scale', [parameters], standardisation.scale),
      float('lowest', [], Float32Array.of(-MAX_STANDARD_SCORE)),
      float('highest', [], Float32Array.of(MAX_STANDARD_SCORE)),
      float('projection', [parameters, components], projection),
      float('back', [components, parameters], back),
      float('direct', [], Float32Array.of(direct)),
      { name: 'parameter_axis', dims: [1], data: BigInt64Array.of(1n) },
      ...(padding === 0
        ? []
        : [{ name: 'padding', dims: [4], data: BigInt64Array.of(0n, 0n, 0n, BigInt(padding)) }]),
    ],
    nodes: [
      { op: 'IsNaN', inputs: [INPUT], outputs: ['missing'] },
      { op: 'Where', inputs: ['missing', 'centre', INPUT], outputs: ['measured'] },
      // Either may overflow to infinity; the clip brings it back. No NaN: the centre and scale of an
      // unused parameter are both 0, and infinity is only ever multiplied with a scale above 0.
      { op: 'Sub', inputs: ['measured', 'centre'], outputs: ['difference'] },
      { op: 'Mul', inputs: ['difference', 'scale'], outputs: ['unbounded'] },
      { op: 'Clip', inputs: ['unbounded', 'lowest', 'highest'], outputs: ['z'] },
      { op: 'MatMul', inputs: ['z', 'projection'], outputs: ['projected'] },
      { op: 'MatMul', inputs: ['projected', 'back'], outputs: ['reweighted'] },
      { op: 'Mul', inputs: ['z', 'direct'], outputs: ['weighted'] },
      { op: 'Add', inputs: ['weighted', 'reweighted'], outputs: ['y'] },
      { op: 'Mul', inputs: ['y', 'y'], outputs: [CONTRIBUTIONS] },
      ...(padding === 0 ? [] : [{ op: 'Pad', inputs: [CONTRIBUTIONS, 'padding'], outputs: [summed] }]),
      {
        op: 'ReduceSum',
        inputs: [summed, 'parameter_axis'],
        outputs: [SCORE],
        attributes: { keepdims: 0n },
      },
    ],
  });
}
