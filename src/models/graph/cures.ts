import { create } from '@bufbuild/protobuf';
import type { OnnxModelFile } from './onnx-file.js';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  type NodeProto,
  NodeProtoSchema,
  TensorProto_DataType,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  type TypeProto,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx-messages.js';
import { innerGraphs } from './walk.js';

/** The name of the batch dimension where a cure makes one. */
const BATCH = 'N';

/**
 * Replaces every ZipMap by the probabilities that it makes maps of: outputs keep their names and become float32
 * [N, labels].
 * @returns a sentence for each change; the model is changed
 */
export function removeZipMaps({ graph }: OnnxModelFile): string[] {
  return graph.node
    .filter(({ opType }) => opType === 'ZipMap')
    .map((node) => {
      const labels = node.attribute.reduce(
        (count, { ints, strings }) => count + ints.length + strings.length,
        0,
      );
      const [name = ''] = node.output;
      node.opType = 'Identity';
      node.domain = '';
      node.attribute = [];
      const output = graph.output.find((one) => one.name === name);
      if (output !== undefined) output.type = tensorType(TensorProto_DataType.FLOAT, [BATCH, labels]);
      return `output "${name}" is float32 [N, ${labels}] and no sequence of maps any more (its ZipMap is gone)`;
    });
}

/**
 * Makes what every ZipMap is given an output beside its maps, which ONNX Runtime's binding cannot return: so that a run can
 * show what is in them.
 * @returns the names of both
 */
export function exposeZipMaps({
  graph,
}: OnnxModelFile): { readonly exposed: string; readonly maps: string }[] {
  return graph.node
    .filter(({ opType }) => opType === 'ZipMap')
    .flatMap((node) => {
      const [exposed] = node.input;
      const [maps] = node.output;
      if (exposed === undefined || maps === undefined) return [];
      const labels = node.attribute.reduce(
        (count, { ints, strings }) => count + ints.length + strings.length,
        0,
      );
      const type = tensorType(TensorProto_DataType.FLOAT, [BATCH, labels]);
      if (!graph.output.some(({ name }) => name === exposed))
        graph.output.push(create(ValueInfoProtoSchema, { name: exposed, type }));
      return [{ exposed, maps }];
    });
}

/**
 * Opens a first dimension that is fixed, of all inputs and of the outputs that have the same. Constant shapes that
 * Reshape is given begin with what is left over. Whether the graph then takes any batch, a run must show.
 */
export function openBatch({ graph }: OnnxModelFile): string[] {
  const given = new Set(graph.initializer.map(({ name }) => name));
  const inputs = graph.input.filter(({ name }) => !given.has(name));
  const fixed = inputs.map(firstDimension).find((size) => size !== undefined);
  if (fixed === undefined) return [];
  const opened = [...inputs, ...graph.output].filter((value) => firstDimension(value) === fixed);
  for (const value of opened) openFirst(value);
  // Shapes between the ends were inferred for that batch.
  graph.valueInfo = [];
  const reshaped = openReshapes(graph, fixed);
  const names = opened.map(({ name }) => `"${name}"`).join(', ');
  return [
    `the first dimension of ${names} takes any number of rows, not ${fixed} only${reshaped > 0 ? `; so do ${reshaped} constant shapes of Reshape` : ''}`,
  ];
}

/** Puts casts before inputs and behind outputs of half precision, so that all of them are float32. */
export function castEdges(model: OnnxModelFile): string[] {
  const { graph } = model;
  const given = new Set(graph.initializer.map(({ name }) => name));
  const isHalf = ({ type }: ValueInfoProto) =>
    type?.value.case === 'tensorType' && HALVES.has(type.value.value.elemType);
  const inputs = graph.input.filter((value) => !given.has(value.name) && isHalf(value));
  const outputs = graph.output.filter(isHalf);
  const changes: string[] = [];
  for (const value of inputs) {
    const inner = `${value.name}__half`;
    rename(graph, value.name, inner, 'reads');
    graph.node.unshift(castNode(value.name, inner, setFloat32(value)));
    changes.push(`input "${value.name}" is float32, cast to half precision within`);
  }
  for (const value of outputs) {
    const inner = `${value.name}__half`;
    rename(graph, value.name, inner, 'all');
    setFloat32(value);
    graph.node.push(castNode(inner, value.name, TensorProto_DataType.FLOAT));
    changes.push(`output "${value.name}" is float32, cast from half precision within`);
  }
  return changes;
}

/** Puts the negative of an output in its place, under another name: high for outliers. */
export function negateOutput({ graph }: OnnxModelFile, output: string, name: string): string[] {
  const value = graph.output.find((one) => one.name === output);
  if (value === undefined || graph.output.some((one) => one.name === name)) return [];
  graph.node.push(
    create(NodeProtoSchema, { opType: 'Neg', input: [output], output: [name], name: `Neg_${name}` }),
  );
  graph.output[graph.output.indexOf(value)] = create(ValueInfoProtoSchema, { ...value, name });
  return [`output "${name}" is the negative of "${output}", in its place: high for outliers`];
}

const HALVES: ReadonlySet<number> = new Set([TensorProto_DataType.FLOAT16, TensorProto_DataType.BFLOAT16]);

/** @returns the type that it had */
function setFloat32({ type }: ValueInfoProto): number {
  if (type?.value.case !== 'tensorType') return 0;
  const before = type.value.value.elemType;
  type.value.value.elemType = TensorProto_DataType.FLOAT;
  return before;
}

function castNode(from: string, to: string, elementType: number): NodeProto {
  return create(NodeProtoSchema, {
    opType: 'Cast',
    name: `Cast_${to}`,
    input: [from],
    output: [to],
    attribute: [
      create(AttributeProtoSchema, {
        name: 'to',
        type: AttributeProto_AttributeType.INT,
        i: BigInt(elementType),
      }),
    ],
  });
}

/** Renames a value where nodes read it, inner graphs too; with `all` also where it is made. */
function rename(graph: GraphProto, from: string, to: string, where: 'reads' | 'all'): void {
  const renamed = (name: string) => (name === from ? to : name);
  for (const node of graph.node) {
    node.input = node.input.map(renamed);
    if (where === 'all') node.output = node.output.map(renamed);
    for (const inner of innerGraphs(node)) {
      rename(inner, from, to, 'reads');
      for (const value of inner.output) value.name = renamed(value.name);
    }
  }
}

function firstDimension({ type }: ValueInfoProto): number | undefined {
  if (type?.value.case !== 'tensorType') return undefined;
  const first = type.value.value.shape?.dim[0]?.value;
  return first?.case === 'dimValue' && first.value > 0n ? Number(first.value) : undefined;
}

function openFirst({ type }: ValueInfoProto): void {
  if (type?.value.case !== 'tensorType') return;
  const first = type.value.value.shape?.dim[0];
  if (first !== undefined) first.value = { case: 'dimParam', value: BATCH };
}

/** The constant shapes that begin with the batch begin with -1: what is left over. */
function openReshapes(graph: GraphProto, batch: number): number {
  const names = new Set(
    graph.node.filter(({ opType }) => opType === 'Reshape').flatMap(({ input }) => input.slice(1, 2)),
  );
  const constants = graph.node.flatMap((node) =>
    node.opType === 'Constant' && names.has(node.output[0] ?? '')
      ? node.attribute.flatMap(({ t }) => (t === undefined ? [] : [t]))
      : [],
  );
  const tensors = [...graph.initializer.filter(({ name }) => names.has(name)), ...constants];
  let opened = 0;
  for (const tensor of tensors) {
    const sizes = tensor.rawData.length > 0 ? int64s(tensor.rawData) : tensor.int64Data;
    if (sizes[0] !== BigInt(batch) || sizes.includes(-1n)) continue;
    tensor.rawData = new Uint8Array(BigInt64Array.from([-1n, ...sizes.slice(1)]).buffer);
    tensor.int64Data = [];
    opened++;
  }
  return opened;
}

function int64s(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength / 8 }, (_, i) => view.getBigInt64(i * 8, true));
}

function tensorType(elemType: number, shape: readonly (number | string)[]): TypeProto {
  const dim = shape.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        typeof size === 'number'
          ? { case: 'dimValue', value: BigInt(size) }
          : { case: 'dimParam', value: size },
    }),
  );
  return create(TypeProtoSchema, {
    value: {
      case: 'tensorType',
      value: create(TypeProto_TensorSchema, { elemType, shape: create(TensorShapeProtoSchema, { dim }) }),
    },
  });
}
