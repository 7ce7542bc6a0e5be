import { encodeOnnx } from '../onnx/encode.js';
import type { OnnxModel, OnnxTensor } from '../onnx/model.js';
import type { Screen } from './screen.js';
import { MAX_STANDARD_SCORE } from './standardise.js';

/** Names of the graph's input and outputs, as the manifest repeats them. */
export const INPUT = 'test_params';
export const SCORE = 'anomaly_score';
export const CONTRIBUTIONS = 'contributions';
export const RESIDUALS = 'residuals';

const OPSET = 17;

/**
 * ONNX Runtime sums a row in steps of four values that begin at multiples of 16 bytes in memory, and what lies before
 * and after them apart. Where rows are a multiple of 16 bytes long, every row of a batch begins at one, as a row alone
 * does: the same additions in the same order, and so the same bits.
 */
const SUMMED_TOGETHER = 4;

/**
 * The screen as the bytes of a model.onnx: `test_params` float32 [N, parameters] to `anomaly_score` float32 [N], and
 * `contributions`, or, of all kinds but `process`, `residuals` float32 [N, parameters]. Finite for every finite or NaN input,
 * and the same bits for a die alone and in any batch.
 */
export function screenAsOnnx(screen: Screen, producerVersion: string): Uint8Array {
  const { parameters, kind, standardisation } = screen;
  const padding = (SUMMED_TOGETHER - (parameters % SUMMED_TOGETHER)) % SUMMED_TOGETHER;
  const isAlone = kind === 'dependency' || kind === 'limits';
  const process = isAlone
    ? NOTHING
    : processPart(screen, padding, kind === 'process' ? SCORE : 'process_score');
  const residual = residualPart(screen, isAlone ? SCORE : 'residual_score');
  return encodeOnnx({
    graphName: kind === 'process' ? 'multivariate-outlier-screen' : `${kind}-screen`,
    producer: { name: 'diegate', version: producerVersion },
    opset: OPSET,
    inputs: [{ name: INPUT, dims: ['N', parameters] }],
    outputs: [
      { name: SCORE, dims: ['N'] },
      { name: kind === 'process' ? CONTRIBUTIONS : RESIDUALS, dims: ['N', parameters] },
    ],
    initializers: [
      float('centre', [parameters], standardisation.centre),
      float('scale', [parameters], standardisation.scale),
      float('lowest', [], Float32Array.of(-MAX_STANDARD_SCORE)),
      float('highest', [], Float32Array.of(MAX_STANDARD_SCORE)),
      ...process.initializers,
      ...residual.initializers,
      ...(isAlone ? [] : [{ name: 'parameter_axis', dims: [1], data: BigInt64Array.of(1n) }]),
      ...(padding === 0 || isAlone
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
      ...process.nodes,
      ...residual.nodes,
      ...(kind === 'combined'
        ? [{ op: 'Max', inputs: ['process_score', 'residual_score'], outputs: [SCORE] }]
        : []),
    ],
  });
}

/** Nodes from `z` to a score, and their constants. */
type GraphPart = Pick<OnnxModel, 'initializers' | 'nodes'>;

const NOTHING: GraphPart = { initializers: [], nodes: [] };

function float(name: string, dims: readonly number[], data: Float32Array): OnnxTensor {
  return { name, dims, data };
}

function processPart(screen: Screen, padding: number, score: string): GraphPart {
  const { parameters, components, projection, back, direct } = screen;
  const summed = padding === 0 ? CONTRIBUTIONS : 'padded';
  return {
    initializers: [
      float('projection', [parameters, components], projection),
      float('back', [components, parameters], back),
      float('direct', [], Float32Array.of(direct)),
    ],
    nodes: [
      { op: 'MatMul', inputs: ['z', 'projection'], outputs: ['projected'] },
      { op: 'MatMul', inputs: ['projected', 'back'], outputs: ['reweighted'] },
      { op: 'Mul', inputs: ['z', 'direct'], outputs: ['weighted'] },
      { op: 'Add', inputs: ['weighted', 'reweighted'], outputs: ['y'] },
      { op: 'Mul', inputs: ['y', 'y'], outputs: [CONTRIBUTIONS] },
      ...(padding === 0 ? [] : [{ op: 'Pad', inputs: [CONTRIBUTIONS, 'padding'], outputs: [summed] }]),
      {
        op: 'ReduceSum',
        inputs: [summed, 'parameter_axis'],
        outputs: [score],
        attributes: { keepdims: 0n },
      },
    ],
  };
}

function residualPart({ residual, parameters }: Screen, score: string): GraphPart {
  if (residual === undefined) return NOTHING;
  const { weights } = residual;
  return {
    initializers: [
      ...(weights === undefined ? [] : [float('dependency', [parameters, parameters], weights)]),
      float('none', [], Float32Array.of(0)),
      float('residual_weight', [], Float32Array.of(residual.weight)),
    ],
    nodes: [
      ...(weights === undefined
        ? []
        : [{ op: 'MatMul', inputs: ['z', 'dependency'], outputs: ['unmasked'] }]),
      // What was not measured is no outlier.
      {
        op: 'Where',
        inputs: ['missing', 'none', weights === undefined ? 'z' : 'unmasked'],
        outputs: [RESIDUALS],
      },
      { op: 'Abs', inputs: [RESIDUALS], outputs: ['sizes'] },
      { op: 'ReduceMax', inputs: ['sizes'], outputs: ['largest'], attributes: { axes: [1n], keepdims: 0n } },
      { op: 'Mul', inputs: ['largest', 'largest'], outputs: ['squared'] },
      { op: 'Mul', inputs: ['squared', 'residual_weight'], outputs: [score] },
    ],
  };
}
