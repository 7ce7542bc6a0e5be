import type { InputTensor } from './input-schema.js';
import { parameterCount } from './parameter-count.js';
import type { Manifest } from './task-manifests.js';

/** An input of the graph and the columns of a die's row that go into it. */
export interface FeedTensor extends InputTensor {
  /** First column. */
  readonly from: number;
  /** Values for each die: the product of `shape`. */
  readonly size: number;
  /** Columns of the row: `size`, or 0 for a constant. */
  readonly columns: number;
  /** For strings: what a column's numbers stand for, by column from `from`. */
  readonly categories?: readonly (readonly string[])[] | undefined;
}

/** The inputs of a version's graph, in the order in which a die's row fills them. */
export function inputTensors(manifest: Pick<Manifest, 'input'>): FeedTensor[] {
  const { parameters } = manifest.input;
  let from = 0;
  return declaredTensors(manifest).map((tensor) => {
    const size = sizeOf(tensor.shape);
    const columns = tensor.constant === undefined ? size : 0;
    const own = typeof parameters === 'number' ? [] : parameters.slice(from, from + columns);
    from += columns;
    return {
      ...tensor,
      from: from - columns,
      size,
      columns,
      ...(tensor.type === 'string' && { categories: own.map(({ categories = [] }) => categories) }),
    };
  });
}

/** The one float32 input [N, parameters] of most graphs. */
export function plainInput(name: string, parameters: number): FeedTensor {
  return { name, type: 'float32', shape: [parameters], from: 0, size: parameters, columns: parameters };
}

/** The number of values in a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function declaredTensors(manifest: Pick<Manifest, 'input'>): InputTensor[] {
  const { name, type = 'float32', shape = [parameterCount(manifest)], tensors } = manifest.input;
  return tensors ?? [{ name, type, shape }];
}
