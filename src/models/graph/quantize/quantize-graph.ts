import { dropUnused } from '../drop-unused.js';
import { nodeOf, wholeAttribute } from '../nodes.js';
import type { GraphProto, NodeProto } from '../onnx-messages.js';
import { floatTensor, int8Tensor, int32Tensor, uint8Tensor } from '../tensors.js';
import { type ActivationScale, activationScale, type Range, wholeBias, wholeWeights } from './int8.js';
import type { Quantizable } from './quantizable.js';

/**
 * Rewrites nodes to compute in whole numbers of 8 bits, in the form that runtimes recognise (QDQ): QuantizeLinear and
 * DequantizeLinear around activations of measured ranges, DequantizeLinear behind weights. Every scale is a constant, so no
 * row depends on another.
 * @param ranges of each activation that is stored, by its name
 */
export function quantizeGraph(
  graph: GraphProto,
  nodes: readonly Quantizable[],
  ranges: ReadonlyMap<string, Range>,
): void {
  const writer = new Writer(graph);
  const scales = new Map([...ranges].map(([name, range]) => [name, activationScale(range)]));
  const stored = new Map([...scales].map(([name, scale]) => [name, writer.storedActivation(name, scale)]));
  for (const one of nodes) {
    const scale = scales.get(one.input);
    const input = stored.get(one.input);
    if (scale !== undefined && input !== undefined) writer.rewrite(one, input, scale);
  }
  // What is stored behind a node is read in its stored form by everybody.
  for (const { stored: name } of nodes) {
    const form = name === undefined ? undefined : stored.get(name);
    if (name !== undefined && form !== undefined) writer.readInstead(name, form);
  }
  writer.finish();
}

/** Adds nodes and constants to a graph under names of its own. */
class Writer {
  readonly #graph: GraphProto;
  /** New nodes, by the value that has to be there before them. */
  readonly #behind = new Map<string, NodeProto[]>();
  readonly #first: NodeProto[] = [];
  #weights = 0;

  constructor(graph: GraphProto) {
    this.#graph = graph;
  }

  /** @returns the name of the activation as 8 bits hold it */
  storedActivation(name: string, { scale, zero }: ActivationScale): string {
    const [whole, form] = [`${name}__int8`, `${name}__stored`];
    const params = [`${name}__scale`, `${name}__zero`];
    this.#graph.initializer.push(
      floatTensor(params[0] ?? '', [], Float32Array.of(scale)),
      uint8Tensor(params[1] ?? '', [], Uint8Array.of(zero)),
    );
    this.#behind.set(name, [
      nodeOf('QuantizeLinear', [name, ...params], whole),
      nodeOf('DequantizeLinear', [whole, ...params], form),
    ]);
    return form;
  }

  rewrite({ node, weights, channelAxis, bias }: Quantizable, input: string, scale: ActivationScale): void {
    const { dims, values } = weights;
    const channels = dims[channelAxis] ?? 1;
    const inner = dims.slice(channelAxis + 1).reduce((product, size) => product * size, 1);
    const whole = wholeWeights(values, channels, (at) => Math.floor(at / inner) % channels);
    // A name of its own for each node: nodes may share weights.
    const name = `weights_${this.#weights++}`;
    this.#graph.initializer.push(
      int8Tensor(`${name}__int8`, dims, whole.values),
      floatTensor(`${name}__scales`, [channels], whole.scales),
      int8Tensor(`${name}__zeros`, [channels], new Int8Array(channels)),
    );
    this.#first.push(
      nodeOf('DequantizeLinear', [`${name}__int8`, `${name}__scales`, `${name}__zeros`], `${name}__stored`, [
        wholeAttribute('axis', channelAxis),
      ]),
    );
    node.input = [input, `${name}__stored`];
    if (bias !== undefined) node.input.push(this.#bias(name, wholeBias(bias.values, scale, whole.scales)));
  }

  #bias(name: string, { values, scales }: ReturnType<typeof wholeBias>): string {
    const [whole, form] = [`${name}__bias_int32`, `${name}__bias`];
    const channels = values.length;
    this.#graph.initializer.push(
      int32Tensor(whole, [channels], values),
      floatTensor(`${form}_scales`, [channels], scales),
      int32Tensor(`${form}_zeros`, [channels], new Int32Array(channels)),
    );
    this.#first.push(
      nodeOf('DequantizeLinear', [whole, `${form}_scales`, `${form}_zeros`], form, [
        wholeAttribute('axis', 0),
      ]),
    );
    return form;
  }

  /** From now on everybody reads the stored form. */
  readInstead(name: string, form: string): void {
    for (const one of this.#graph.node) one.input = one.input.map((read) => (read === name ? form : read));
  }

  /** New nodes stand behind what they read. */
  finish(): void {
    const graph = this.#graph;
    const given = new Set(graph.input.map(({ name }) => name));
    const behind = (name: string) => this.#behind.get(name) ?? [];
    graph.node = [
      ...this.#first,
      ...[...given].flatMap(behind),
      ...graph.node.flatMap((node) => [
        node,
        ...node.output.filter((name) => !given.has(name)).flatMap(behind),
      ]),
    ];
    dropUnused(graph);
  }
}
