import { encodeOnnx } from '../../src/training/onnx/encode.js';
import type { OnnxNode, OnnxTensor } from '../../src/training/onnx/model.js';
import { BENCH_PARAMETERS, type BenchVersion } from './bench-version.js';
import { createRandom } from './random.js';

/** Nodes of one tree: a column, its distance from a cut, that distance if positive, and the sum so far. */
const NODES_OF_TREE = 4;

/**
 * A forest of stumps, exported as the forests of scikit-learn's detectors are: node by node, tree by tree. To open and to try
 * such a graph takes seconds, as ONNX Runtime goes through thousands of nodes that do next to nothing.
 */
export function forest(name: string, nodes: number): BenchVersion {
  const random = createRandom(11);
  const initializers: OnnxTensor[] = [{ name: 'none', dims: [1], data: Float32Array.of(0.01) }];
  const trees: OnnxNode[] = [];
  let sum = 'none';
  for (let tree = 0; tree < Math.ceil(nodes / NODES_OF_TREE); tree++) {
    const column = BigInt(Math.floor(random() * BENCH_PARAMETERS));
    initializers.push(
      { name: `column_${tree}`, dims: [], data: BigInt64Array.of(column) },
      { name: `cut_${tree}`, dims: [1], data: Float32Array.of(random()) },
    );
    trees.push(
      {
        op: 'Gather',
        inputs: ['test_params', `column_${tree}`],
        outputs: [`value_${tree}`],
        attributes: { axis: 1n },
      },
      { op: 'Sub', inputs: [`value_${tree}`, `cut_${tree}`], outputs: [`beyond_${tree}`] },
      { op: 'Relu', inputs: [`beyond_${tree}`], outputs: [`depth_${tree}`] },
      { op: 'Add', inputs: [sum, `depth_${tree}`], outputs: [`sum_${tree}`] },
    );
    sum = `sum_${tree}`;
  }
  const onnx = encodeOnnx({
    graphName: name,
    producer: { name: 'diegate-bench', version: '0' },
    opset: 17,
    inputs: [{ name: 'test_params', dims: ['N', BENCH_PARAMETERS] }],
    outputs: [{ name: 'anomaly_score', dims: ['N'] }],
    initializers,
    nodes: [...trees, { op: 'Abs', inputs: [sum], outputs: ['anomaly_score'] }],
  });
  return { name, onnx, maxBatchSize: 64, maxQueueSize: 4096, defaultDeadlineMs: 1000 };
}
