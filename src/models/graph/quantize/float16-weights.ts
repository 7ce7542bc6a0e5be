import { dropUnused } from '../drop-unused.js';
import { nodeOf, wholeAttribute } from '../nodes.js';
import { type GraphProto, TensorProto_DataType } from '../onnx-messages.js';
import { constantsOf, float16Tensor, floatsOf } from '../tensors.js';
import { halfBits, LARGEST_HALF } from './half.js';

/** Below it a tensor's bytes are not worth a node. */
const FEWEST_WEIGHTS = 256;

/**
 * Stores constants of float32 as float16, each cast back where it is read: half of the file, and the graph computes in
 * float32 as before. A tensor with a value beyond float16 stays as it is.
 * @returns how many were stored so; the graph is changed
 */
export function halveWeights(graph: GraphProto): number {
  const given = new Set(graph.output.map(({ name }) => name));
  let halved = 0;
  for (const [name, tensor] of constantsOf(graph)) {
    const floats = floatsOf(tensor);
    if (floats === undefined || floats.values.length < FEWEST_WEIGHTS || given.has(name)) continue;
    if (floats.values.some((value) => !(Math.abs(value) <= LARGEST_HALF))) continue;
    const stored = `${name}__float16`;
    graph.initializer = graph.initializer.filter((one) => one.name !== name);
    graph.input = graph.input.filter((one) => one.name !== name);
    graph.node = graph.node.filter(({ opType, output }) => opType !== 'Constant' || output[0] !== name);
    graph.initializer.push(float16Tensor(stored, floats.dims, Uint16Array.from(floats.values, halfBits)));
    graph.node.unshift(nodeOf('Cast', [stored], name, [wholeAttribute('to', TensorProto_DataType.FLOAT)]));
    halved++;
  }
  dropUnused(graph);
  return halved;
}
