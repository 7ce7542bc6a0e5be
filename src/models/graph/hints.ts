import type { OnnxModelFile } from './onnx-file.js';
import type { AttributeProto, NodeProto } from './onnx-messages.js';
import { innerGraphs, nodesOf } from './walk.js';

/** What the nodes of a graph tell of its inputs and outputs, beyond their types and shapes. */
export interface GraphHints {
  /** Who wrote the file, such as "skl2onnx". */
  readonly producer: string;
  /** The operator that makes an output, seen through those that only reshape or cast; undefined if unknown. */
  operatorOf(output: string): string | undefined;
  /** What its classifier calls its classes, where it has one. */
  readonly classes: readonly (string | number)[] | undefined;
  /** How many values the first operator on an input reads by its weights. */
  readonly width: (input: string) => { readonly exactly?: number; readonly atLeast?: number };
  /** The texts that an encoder of an input knows. */
  readonly categories: (input: string) => readonly string[] | undefined;
  /** Whether NaN of an input is filled in by the first operator that reads it. */
  readonly imputes: (input: string) => boolean;
  /** Whether an output needs an input. */
  readonly needs: (output: string, input: string) => boolean;
}

/** Looks through the nodes of a model. */
export function graphHints(model: OnnxModelFile): GraphHints {
  const makers = new Map(model.graph.node.flatMap((node) => node.output.map((name) => [name, node])));
  const readers = (input: string) => model.graph.node.filter((node) => node.input.includes(input));
  return {
    producer: model.producerName,
    operatorOf: (output) => makerOf(output, makers),
    classes: classesOf(model),
    width: (input) => widthOf(model, input, readers),
    categories: (input) => categoriesOf(readers(input), readers),
    imputes: (input) => fillsIn(input, readers),
    needs: (output, input) => reaches(output, input, makers),
  };
}

// Operators that pass values on as they are.
const PASSING = ['Identity', 'Cast', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Transpose', 'ZipMap'];

function makerOf(output: string, makers: ReadonlyMap<string, NodeProto>): string | undefined {
  const node = makers.get(output);
  const [from] = node?.input ?? [];
  if (node === undefined || from === undefined || !PASSING.includes(node.opType)) return operatorName(node);
  return makerOf(from, makers) ?? node.opType;
}

/** A classifier without an activation of its own gives margins; ONNX names the activation in an attribute. */
function operatorName(node: NodeProto | undefined): string | undefined {
  if (node?.opType !== 'LinearClassifier' && node?.opType !== 'SVMClassifier') return node?.opType;
  const activation = textOf(attribute(node, 'post_transform')) ?? 'NONE';
  const hasProbabilities = (attribute(node, 'prob_a')?.floats.length ?? 0) > 0;
  return activation === 'NONE' && !hasProbabilities ? 'Margin' : node.opType;
}

function classesOf(model: OnnxModelFile): (string | number)[] | undefined {
  for (const node of nodesOf(model)) {
    for (const { name, ints, strings } of node.attribute) {
      if (!/^classlabels_/.test(name)) continue;
      if (ints.length > 0) return ints.map(Number);
      if (strings.length > 0) return strings.map(decoded);
    }
  }
  return undefined;
}

type Readers = (input: string) => NodeProto[];

function widthOf(
  model: OnnxModelFile,
  input: string,
  readers: Readers,
): { exactly?: number; atLeast?: number } {
  for (const node of readers(input)) {
    const [output] = node.output;
    if (PASSING.includes(node.opType) && output !== undefined) return widthOf(model, output, readers);
    const exactly = exactWidth(model, node, input);
    if (exactly !== undefined && exactly > 0) return { exactly };
    const features = attribute(node, 'nodes_featureids')?.ints ?? [];
    if (features.length > 0)
      return { atLeast: features.reduce((most, id) => Math.max(most, Number(id)), 0) + 1 };
  }
  return {};
}

function exactWidth({ graph }: OnnxModelFile, node: NodeProto, input: string): number | undefined {
  const floats = (name: string) => attribute(node, name)?.floats.length ?? 0;
  const dims = (i: number) => graph.initializer.find(({ name }) => name === node.input[i])?.dims.map(Number);
  switch (node.opType) {
    case 'LinearClassifier':
    case 'LinearRegressor':
      return floats('coefficients') / Math.max(1, floats('intercepts'));
    case 'Scaler':
      return floats('offset') > 1 ? floats('offset') : undefined;
    case 'Imputer':
      return floats('imputed_value_floats') > 1 ? floats('imputed_value_floats') : undefined;
    case 'SVMClassifier':
    case 'SVMRegressor': {
      const vectors =
        Number(attribute(node, 'n_supports')?.i ?? 0) || sum(attribute(node, 'vectors_per_class'));
      return vectors > 0 ? floats('support_vectors') / vectors : undefined;
    }
    case 'MatMul':
      return node.input[0] === input ? dims(1)?.at(-2) : undefined;
    case 'Gemm': {
      const transposed = (attribute(node, 'transB')?.i ?? 0n) !== 0n;
      return node.input[0] === input ? dims(1)?.[transposed ? 1 : 0] : undefined;
    }
    default:
      return undefined;
  }
}

function sum(list: AttributeProto | undefined): number {
  return (list?.ints ?? []).reduce((total, value) => total + Number(value), 0);
}

const ENCODER_TEXTS = /^(cats_strings|keys_strings|classes_strings|string_vocabulary)$/;

function categoriesOf(nodes: readonly NodeProto[], readers: Readers): string[] | undefined {
  for (const node of nodes) {
    const [output] = node.output;
    if (PASSING.includes(node.opType) && output !== undefined) {
      const found = categoriesOf(readers(output), readers);
      if (found !== undefined) return found;
    }
    const texts = node.attribute.find(({ name, strings }) => ENCODER_TEXTS.test(name) && strings.length > 0);
    if (texts !== undefined) return texts.strings.map(decoded);
  }
  return undefined;
}

function fillsIn(input: string, readers: Readers): boolean {
  const nodes = readers(input);
  return (
    nodes.length > 0 &&
    nodes.every((node) => {
      const [output] = node.output;
      if (PASSING.includes(node.opType)) return output !== undefined && fillsIn(output, readers);
      return node.opType === 'Imputer' && Number.isNaN(attribute(node, 'replaced_value_float')?.f);
    })
  );
}

function reaches(output: string, input: string, makers: ReadonlyMap<string, NodeProto>): boolean {
  const seen = new Set<string>();
  const open = [output];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === input) return true;
    const node = makers.get(name);
    if (node === undefined || seen.has(name)) continue;
    seen.add(name);
    open.push(...node.input);
    // What the branches of a node read from outside of them.
    for (const graph of innerGraphs(node)) open.push(...graph.node.flatMap((inner) => inner.input));
  }
  return false;
}

function attribute(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((one) => one.name === name);
}

function textOf(found: AttributeProto | undefined): string | undefined {
  return found && decoded(found.s);
}

function decoded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}
