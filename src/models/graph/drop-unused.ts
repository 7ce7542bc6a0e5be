import type { GraphProto } from './onnx-messages.js';
import { nodesOfGraph } from './walk.js';

/** Takes constants out of a graph that no node reads any more, and of its inputs those that they were defaults of. */
export function dropUnused(graph: GraphProto): void {
  const read = new Set(graph.output.map(({ name }) => name));
  for (const { input } of nodesOfGraph(graph)) for (const name of input) read.add(name);
  // What an inner graph returns may be a value of the outer one.
  for (const { attribute } of nodesOfGraph(graph))
    for (const { g, graphs } of attribute)
      for (const inner of g === undefined ? graphs : [g, ...graphs])
        for (const { name } of inner.output) read.add(name);
  const dropped = new Set(graph.initializer.map(({ name }) => name).filter((name) => !read.has(name)));
  graph.initializer = graph.initializer.filter(({ name }) => !dropped.has(name));
  graph.input = graph.input.filter(({ name }) => !dropped.has(name));
  graph.node = graph.node.filter(
    ({ opType, output }) => opType !== 'Constant' || output.some((name) => read.has(name)),
  );
}
