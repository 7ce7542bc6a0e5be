import type {
  AttributeProto,
  GraphProto,
  ModelProto,
  NodeProto,
  SparseTensorProto,
  TensorProto,
} from './onnx-messages.js';

/** Every constant tensor of a model: initializers and attributes, those of inner graphs and functions too. */
export function* tensorsOf(model: ModelProto): Generator<TensorProto> {
  if (model.graph !== undefined) yield* tensorsOfGraph(model.graph);
  for (const { node, attributeProto } of model.functions) {
    yield* tensorsOfNodes(node);
    for (const attribute of attributeProto) yield* tensorsOfAttribute(attribute);
  }
}

/** Every node of a model, those of inner graphs and functions too. */
export function* nodesOf(model: ModelProto): Generator<NodeProto> {
  if (model.graph !== undefined) yield* nodesOfGraph(model.graph);
  for (const { node } of model.functions) for (const inner of node) yield* withInnerNodes(inner);
}

/** Every node of a graph, those of inner graphs too. */
export function* nodesOfGraph(graph: GraphProto): Generator<NodeProto> {
  for (const node of graph.node) yield* withInnerNodes(node);
}

/** The graphs within a node: branches of If, bodies of Loop and Scan. */
export function innerGraphs(node: NodeProto): GraphProto[] {
  return node.attribute.flatMap(({ g, graphs }) => (g === undefined ? graphs : [g, ...graphs]));
}

function* withInnerNodes(node: NodeProto): Generator<NodeProto> {
  yield node;
  for (const graph of innerGraphs(node)) yield* nodesOfGraph(graph);
}

function* tensorsOfGraph({ initializer, sparseInitializer, node }: GraphProto): Generator<TensorProto> {
  yield* initializer;
  for (const sparse of sparseInitializer) yield* tensorsOfSparse(sparse);
  yield* tensorsOfNodes(node);
}

function* tensorsOfNodes(nodes: readonly NodeProto[]): Generator<TensorProto> {
  for (const { attribute } of nodes) for (const one of attribute) yield* tensorsOfAttribute(one);
}

function* tensorsOfAttribute(attribute: AttributeProto): Generator<TensorProto> {
  const { t, tensors, g, graphs, sparseTensor, sparseTensors } = attribute;
  if (t !== undefined) yield t;
  yield* tensors;
  for (const sparse of sparseTensor === undefined ? sparseTensors : [sparseTensor, ...sparseTensors])
    yield* tensorsOfSparse(sparse);
  for (const graph of g === undefined ? graphs : [g, ...graphs]) yield* tensorsOfGraph(graph);
}

function* tensorsOfSparse({ values, indices }: SparseTensorProto): Generator<TensorProto> {
  if (values !== undefined) yield values;
  if (indices !== undefined) yield indices;
}
