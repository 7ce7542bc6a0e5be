import { fetchedOutputs } from './fetched-outputs.js';
import { type Manifest, parameterCount } from './manifest.js';

/** One input or output of an ONNX graph; a dimension is a size, a symbol's name, or "" for unknown. */
export interface TensorInfo {
  readonly name: string;
  /** ONNX Runtime's name of the element type, such as "float32"; "other" for a non-tensor. */
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

/** What a graph says of its inputs and outputs. */
export interface GraphInfo {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
}

/**
 * Compares a manifest with the graph that it describes.
 * @returns one line for each disagreement, naming both sides; empty when they agree
 */
export function graphProblems(manifest: Manifest, graph: GraphInfo): string[] {
  const parameters = parameterCount(manifest);
  const { contributions } = manifest.outputs;
  const otherInputs = graph.inputs.filter(({ name }) => name !== manifest.input.name);
  return [
    ...tensorProblems('input', manifest.input.name, [[undefined, parameters]], graph.inputs),
    ...otherInputs.map(
      ({ name }) => `the graph also needs input "${name}", the manifest feeds only "${manifest.input.name}"`,
    ),
    ...fetchedOutputs(manifest).flatMap(({ name, size }) =>
      tensorProblems('output', name, shapesOf(size), graph.outputs),
    ),
    ...(contributions === undefined
      ? []
      : tensorProblems('output', contributions, [[undefined, parameters]], graph.outputs)),
  ];
}

/** A shape as expected: undefined is the batch dimension, which must not be fixed. */
type ExpectedShape = readonly (number | undefined)[];

/** One value for a die may be a list or a column. */
function shapesOf(size: number): ExpectedShape[] {
  return size === 1 ? [[undefined], [undefined, 1]] : [[undefined, size]];
}

function tensorProblems(
  side: 'input' | 'output',
  name: string,
  allowed: readonly ExpectedShape[],
  found: readonly TensorInfo[],
): string[] {
  const tensor = found.find((candidate) => candidate.name === name);
  if (tensor === undefined) {
    const names = found.map((t) => `"${t.name}"`).join(', ') || 'none';
    return [`the manifest names ${side} "${name}", the graph has ${names}`];
  }
  const problems: string[] = [];
  if (tensor.type !== 'float32')
    problems.push(`${side} "${name}" is ${tensor.type} in the graph, expected float32`);
  if (!allowed.some((shape) => fits(tensor.shape, shape))) {
    const expected = allowed.map((shape) => `[${shape.map((d) => d ?? 'N').join(', ')}]`).join(' or ');
    const actual = tensor.shape.map((d) => (d === '' ? '?' : d)).join(', ');
    problems.push(`${side} "${name}" has shape [${actual}] in the graph, the manifest expects ${expected}`);
  }
  return problems;
}

/** A named or unknown dimension of the graph may take any size; a fixed one must be the expected. */
function fits(actual: readonly (number | string)[], expected: ExpectedShape): boolean {
  return (
    actual.length === expected.length &&
    expected.every((size, i) => typeof actual[i] === 'string' || actual[i] === size)
  );
}
