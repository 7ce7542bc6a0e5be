import { fractionOf, wholeOf } from '../nodes.js';
import type { GraphProto, NodeProto, TensorProto } from '../onnx-messages.js';
import { type ConstantFloats, constantsOf, floatsOf } from '../tensors.js';
import { onlyReader, readersOf } from './fold-bias.js';

/** A node that can compute in whole numbers. */
export interface Quantizable {
  readonly node: NodeProto;
  /** The activation that it reads. */
  readonly input: string;
  readonly weights: ConstantFloats;
  /** The dimension of the weights that has an entry for each channel of the output. */
  readonly channelAxis: number;
  readonly bias: ConstantFloats | undefined;
  /** The value behind it that has to be stored in 8 bits too: a Conv computes in whole numbers only so. */
  readonly stored: string | undefined;
}

/** The Gemm, MatMul and Conv of a graph that have constant weights of float32. */
export function quantizableNodes(graph: GraphProto): Quantizable[] {
  const constants = constantsOf(graph);
  const readers = readersOf(graph);
  const outputs = new Set(graph.output.map(({ name }) => name));
  return graph.node.flatMap((node): Quantizable[] => {
    const found = quantizable(node, constants);
    if (found === undefined) return [];
    if (node.opType !== 'Conv') return [{ ...found, node, stored: undefined }];
    // A Conv computes in whole numbers only where its output is stored in them, and an output of the graph is not.
    const stored = storedBehind(node, readers);
    return outputs.has(stored) || outputs.has(node.output[0] ?? '') ? [] : [{ ...found, node, stored }];
  });
}

function quantizable(
  node: NodeProto,
  constants: ReadonlyMap<string, TensorProto>,
): Omit<Quantizable, 'node' | 'stored'> | undefined {
  const [input = '', weightName = '', biasName = ''] = node.input;
  const weights = floatsOf(constants.get(weightName));
  const bias = floatsOf(constants.get(biasName));
  if (weights === undefined || node.domain !== '' || constants.has(input)) return undefined;
  // A bias that is no constant, or none of one value for each channel, stays what it is: the node with it.
  if (biasName !== '' && bias === undefined) return undefined;
  const channelAxis = channelAxisOf(node, weights.dims.length);
  if (channelAxis === undefined) return undefined;
  if (bias !== undefined && bias.values.length !== weights.dims[channelAxis]) return undefined;
  return { input, weights, channelAxis, bias };
}

/** The axis of the output's channels; undefined where the node does more than 8 bits can follow. */
function channelAxisOf(node: NodeProto, rank: number): number | undefined {
  switch (node.opType) {
    case 'MatMul':
      return rank === 2 ? 1 : undefined;
    case 'Gemm': {
      const isPlain =
        wholeOf(node, 'transA', 0) === 0 &&
        fractionOf(node, 'alpha', 1) === 1 &&
        fractionOf(node, 'beta', 1) === 1;
      if (!isPlain || rank !== 2) return undefined;
      return wholeOf(node, 'transB', 0) === 1 ? 0 : 1;
    }
    case 'Conv':
      return rank >= 3 ? 0 : undefined;
    default:
      return undefined;
  }
}

/** The output, or that of a ReLU which alone reads it and which the limits of 8 bits make superfluous. */
function storedBehind(node: NodeProto, readers: ReadonlyMap<string, readonly NodeProto[]>): string {
  const [output = ''] = node.output;
  return onlyReader(readers, output, 'Relu')?.output[0] ?? output;
}
