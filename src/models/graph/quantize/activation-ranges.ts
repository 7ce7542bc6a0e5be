import { create } from '@bufbuild/protobuf';
import { nodeOf, wholeAttribute, wholesAttribute } from '../nodes.js';
import {
  type GraphProto,
  TensorProto_DataType,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../onnx-messages.js';
import { int64Tensor } from '../tensors.js';
import type { Range } from './int8.js';
import type { Quantizable } from './quantizable.js';

/** The outputs that tell the least and the largest value of an activation on each die. */
interface RangeOutputs {
  readonly activation: string;
  readonly minimum: string;
  readonly maximum: string;
}

/** The activations that are stored in 8 bits: what the nodes read, and what has to be stored behind them. */
export function storedActivations(nodes: readonly Quantizable[]): string[] {
  return [
    ...new Set(nodes.flatMap(({ input, stored }) => (stored === undefined ? [input] : [input, stored]))),
  ];
}

/**
 * Adds outputs that tell how large activations are: for each die its least and its largest value, float32 [N].
 * @param opset of the model, which decides how ReduceMin is told its axes
 */
export function exposeRanges(
  graph: GraphProto,
  activations: readonly string[],
  opset: number,
): RangeOutputs[] {
  const axes =
    opset >= 18 ? { input: [AXES], attribute: [] } : { input: [], attribute: [wholesAttribute('axes', [1])] };
  if (opset >= 18) graph.initializer.push(int64Tensor(AXES, [1n]));
  return activations.map((activation, i) => {
    const [flat, minimum, maximum] = [`__range_${i}_flat`, `__range_${i}_minimum`, `__range_${i}_maximum`];
    const attributes = [...axes.attribute, wholeAttribute('keepdims', 0)];
    graph.node.push(
      nodeOf('Flatten', [activation], flat, [wholeAttribute('axis', 1)]),
      nodeOf('ReduceMin', [flat, ...axes.input], minimum, attributes),
      nodeOf('ReduceMax', [flat, ...axes.input], maximum, attributes),
    );
    graph.output.push(oneForEachDie(minimum), oneForEachDie(maximum));
    return { activation, minimum, maximum };
  });
}

const AXES = '__range_axes';

/**
 * The range of each activation over all dies.
 * @param values float32 [dies, 2 × activations] row-major: of each die the least and the largest value of each
 * @param percentile of the dies whose values are within the range, 50 to 100; the others are cut off at its ends
 */
export function rangesOf(values: Float32Array, activations: number, percentile: number): Range[] {
  const width = 2 * activations;
  const dies = values.length / width;
  const columnOf = (at: number) =>
    Float32Array.from({ length: dies }, (_, die) => values[die * width + at] ?? Number.NaN)
      .filter(Number.isFinite)
      .sort();
  return Array.from({ length: activations }, (_, i) => {
    const [least, most] = [columnOf(2 * i), columnOf(2 * i + 1)];
    const beyond = Math.floor((least.length * (100 - percentile)) / 100);
    return { minimum: least[beyond] ?? 0, maximum: most[most.length - 1 - beyond] ?? 0 };
  });
}

function oneForEachDie(name: string): ValueInfoProto {
  const dim = create(TensorShapeProto_DimensionSchema, { value: { case: 'dimParam', value: 'N' } });
  const tensor = create(TypeProto_TensorSchema, {
    elemType: TensorProto_DataType.FLOAT,
    shape: create(TensorShapeProtoSchema, { dim: [dim] }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } }),
  });
}
