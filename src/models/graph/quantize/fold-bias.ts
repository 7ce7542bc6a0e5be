import { nodeOf } from '../nodes.js';
import type { GraphProto, NodeProto } from '../onnx-messages.js';
import { constantsOf, floatsOf } from '../tensors.js';
import { graphInputs } from '../value-types.js';

/** Operators whose output has the rank of their first input. */
const KEEPS_RANK = new Set([
  'Relu',
  'LeakyRelu',
  'PRelu',
  'Elu',
  'Selu',
  'Sigmoid',
  'HardSigmoid',
  'Tanh',
  'Softplus',
  'Clip',
  'Identity',
  'Dropout',
  'BatchNormalization',
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Abs',
  'Neg',
  'Sqrt',
  'Softmax',
  'Cast',
]);

/**
 * Makes one Gemm of each MatMul of a matrix [N, K] by constant weights and the Add of a constant bias behind it, as Keras and
 * PyTorch export dense layers: quantised, a Gemm adds its bias within the whole numbers.
 * @returns how many; the graph is changed
 */
export function foldBiases(graph: GraphProto): number {
  const constants = constantsOf(graph);
  const ranks = ranksOf(graph);
  const readers = readersOf(graph);
  const outputs = new Set(graph.output.map(({ name }) => name));
  let folded = 0;
  for (const matMul of [...graph.node]) {
    const [input = '', weights = ''] = matMul.input;
    const [product = ''] = matMul.output;
    if (matMul.opType !== 'MatMul' || ranks.get(input) !== 2 || outputs.has(product)) continue;
    const matrix = floatsOf(constants.get(weights));
    const add = onlyReader(readers, product, 'Add');
    if (add === undefined || matrix?.dims.length !== 2) continue;
    const bias = add.input.find((name) => name !== product) ?? '';
    const added = floatsOf(constants.get(bias));
    // One value for each column, as [columns] or [1, columns].
    if (added === undefined || added.dims.at(-1) !== matrix.dims[1]) continue;
    if (added.values.length !== added.dims.at(-1)) continue;
    const gemm = nodeOf('Gemm', [input, weights, bias], add.output[0] ?? '');
    graph.node.splice(graph.node.indexOf(add), 1, gemm);
    graph.node.splice(graph.node.indexOf(matMul), 1);
    folded++;
  }
  return folded;
}

/** The nodes that read each value. */
export function readersOf({ node }: GraphProto): Map<string, NodeProto[]> {
  const readers = new Map<string, NodeProto[]>();
  for (const one of node)
    for (const name of new Set(one.input)) readers.set(name, [...(readers.get(name) ?? []), one]);
  return readers;
}

/** The node that reads a value, where it is the only one and of this operator. */
export function onlyReader(
  readers: ReadonlyMap<string, readonly NodeProto[]>,
  value: string,
  ...opTypes: readonly string[]
): NodeProto | undefined {
  const [first, ...others] = readers.get(value) ?? [];
  return first !== undefined && others.length === 0 && opTypes.includes(first.opType) ? first : undefined;
}

/** The number of dimensions of values, where the graph's inputs and operators tell it. */
function ranksOf(graph: GraphProto): Map<string, number> {
  const ranks = new Map<string, number>();
  for (const { name, type } of graphInputs(graph))
    if (type.kind === 'tensor' && type.shape !== undefined) ranks.set(name, type.shape.length);
  const constants = constantsOf(graph);
  for (const { opType, input, output } of graph.node) {
    const [first = '', second = ''] = input;
    const rank = ranks.get(first);
    const other = constants.get(second)?.dims.length ?? ranks.get(second) ?? 0;
    const known =
      opType === 'Gemm' || opType === 'Flatten'
        ? 2
        : opType === 'MatMul' && other === 2
          ? rank
          : KEEPS_RANK.has(opType) && rank !== undefined && other <= rank
            ? rank
            : undefined;
    if (known !== undefined) ranks.set(output[0] ?? '', known);
  }
  return ranks;
}
