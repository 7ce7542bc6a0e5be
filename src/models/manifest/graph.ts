import { ELEMENT_TYPES } from './element-types.js';
import { explainingOutput, type FetchedOutput, fetchedOutputs, sizeInGraph } from './fetched-outputs.js';
import { type FeedTensor, inputTensors } from './input-tensors.js';
import { parameterCount } from './parameter-count.js';
import type { Manifest } from './task-manifests.js';

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

/** How an exporter is told to write no sequence of maps, by the producer that a file names. */
const WITHOUT_MAPS: ReadonlyMap<string, string> = new Map([
  ['skl2onnx', ", or export with options={id(model): {'zipmap': False}}"],
  ['OnnxMLTools', ', or export with zipmap=False'],
  ['CatBoost', '; its exporter has no way to leave it out'],
]);
const WITHOUT_MAPS_BY_ANY =
  ", or export with options={id(model): {'zipmap': False}} (skl2onnx) or zipmap=False (onnxmltools)";

/**
 * What is said of an output that is a sequence of maps: everybody's first model has one.
 * @param producer as the file names it, where that is known
 */
export function noTensor(producer = ''): string {
  const cure = WITHOUT_MAPS.get(producer) ?? WITHOUT_MAPS_BY_ANY;
  return `is no tensor in the graph (a ZipMap): \`diegate check --fix\` writes a version without it${cure}`;
}

/** What is said of half precision: ONNX Runtime's binding takes it on Node 20 and fails from Node 24 on. */
export const NO_FLOAT16 =
  'is float16 in the graph: `diegate check --fix` writes a version with casts at its edges, or convert with keep_io_types=True';

/**
 * Compares a manifest with the graph that it describes.
 * @returns one line for each disagreement, naming both sides; empty when they agree
 */
export function graphProblems(manifest: Manifest, graph: GraphInfo): string[] {
  const contributions = explainingOutput(manifest);
  const tensors = inputTensors(manifest);
  const names = tensors.map(({ name }) => name);
  const others = graph.inputs.filter(({ name }) => !names.includes(name));
  const fed = names.map((name) => `"${name}"`).join(', ');
  const batch = fixedBatch(graph);
  return [
    ...tensors.flatMap((tensor) => inputProblems(tensor, graph)),
    ...others.map(({ name }) => `the graph also needs input "${name}", the manifest feeds only ${fed}`),
    ...batchProblems(graph),
    ...fetchedOutputs(manifest).flatMap((output) => outputProblems(output, graph, batch)),
    ...(contributions === undefined
      ? []
      : outputProblems({ name: contributions, size: parameterCount(manifest) }, graph, batch)),
  ];
}

/** The number of rows that a graph takes in a run, where it takes no other; undefined for any number. */
export function fixedBatch({ inputs }: Pick<GraphInfo, 'inputs'>): number | undefined {
  return inputs.map(({ shape }) => shape[0]).find((dimension) => typeof dimension === 'number');
}

/** A shape as people write it; "?" for a dimension that has no name. */
export function shapeText(shape: TensorInfo['shape']): string {
  return `[${shape.map((d) => (d === '' ? '?' : d)).join(', ')}]`;
}

function batchProblems({ inputs }: GraphInfo): string[] {
  const fixed = inputs.filter(({ shape }) => typeof shape[0] === 'number');
  if (new Set(fixed.map(({ shape }) => shape[0])).size <= 1) return [];
  const shapes = fixed.map(({ name, shape }) => `"${name}" ${shapeText(shape)}`).join(', ');
  return [`the inputs have different first dimensions (${shapes}), expected the batch: one for all`];
}

function inputProblems({ name, type, shape }: FeedTensor, { inputs }: GraphInfo): string[] {
  const tensor = inputs.find((candidate) => candidate.name === name);
  if (tensor === undefined) return [missing('input', name, inputs)];
  const problems: string[] = [];
  if (tensor.type !== type) problems.push(typeProblem('input', tensor, type));
  const fits =
    tensor.shape.length === shape.length + 1 &&
    shape.every((size, i) => typeof tensor.shape[i + 1] === 'string' || tensor.shape[i + 1] === size);
  if (!fits) problems.push(shapeProblem('input', tensor, [shape]));
  return problems;
}

function outputProblems(output: FetchedOutput, { outputs }: GraphInfo, batch: number | undefined): string[] {
  const tensor = outputs.find((candidate) => candidate.name === output.name);
  if (tensor === undefined) return [missing('output', output.name, outputs)];
  const size = sizeInGraph(output);
  const expected = output.labels === undefined ? 'numbers' : 'whole numbers or strings';
  const problems: string[] = [];
  if (!isReadable(tensor.type, output)) problems.push(typeProblem('output', tensor, expected));
  if (tensor.type !== 'other' && !holds(tensor.shape, size, batch))
    problems.push(shapeProblem('output', tensor, size === 1 ? [[], [1]] : [[size]]));
  return problems;
}

function isReadable(type: string, { labels }: FetchedOutput): boolean {
  if (type === 'string') return labels !== undefined;
  return ELEMENT_TYPES.some((known) => known === type);
}

/**
 * Whether an output of this shape has `size` values for each die. A named or unknown dimension may take any
 * size; a fixed one must be the expected.
 */
function holds([first, ...rest]: TensorInfo['shape'], size: number, batch: number | undefined): boolean {
  if (first === undefined || (typeof first === 'number' && first !== batch)) return false;
  const known = rest.filter((dimension) => typeof dimension === 'number').reduce((a, b) => a * b, 1);
  return known === size || (known < size && size % known === 0 && rest.some((d) => typeof d === 'string'));
}

function missing(side: 'input' | 'output', name: string, found: readonly TensorInfo[]): string {
  const names = found.map((tensor) => `"${tensor.name}"`).join(', ') || 'none';
  return `the manifest names ${side} "${name}", the graph has ${names}`;
}

function typeProblem(side: 'input' | 'output', { name, type }: TensorInfo, expected: string): string {
  if (type === 'float16') return `${side} "${name}" ${NO_FLOAT16}`;
  if (type === 'other') return `${side} "${name}" ${noTensor()}`;
  return `${side} "${name}" is ${type} in the graph, the manifest expects ${expected}`;
}

function shapeProblem(
  side: 'input' | 'output',
  { name, shape }: TensorInfo,
  allowed: readonly (readonly number[])[],
): string {
  const expected = allowed.map((sizes) => shapeText(['N', ...sizes])).join(' or ');
  return `${side} "${name}" has shape ${shapeText(shape)} in the graph, the manifest expects ${expected}`;
}
