import { CELLS, type DriftCounts } from './counts.js';
import { BINS, EDGES } from './reference-bins.js';

/** What a value is compared and summed with; see `ReferenceBins`. */
export interface CountingTable {
  /** float32 [parameters, 9]. */
  readonly edges: Float32Array;
  /** float32 [parameters]. */
  readonly means: Float32Array;
  readonly scales: Float32Array;
}

/**
 * The kernel: counts the parameters of one die. Nine comparisons for each value and no branch on
 * their results: which bin a value falls into cannot be predicted, and a wrong guess costs more than
 * all nine.
 * @param rows float32 [dies, parameters] row-major, parameters in the order in which they are tested; NaN is a
 * missing value
 * @param row which die
 */
export function countRow(
  counts: DriftCounts,
  { edges, means, scales }: CountingTable,
  rows: Float32Array,
  row: number,
): void {
  const { cells, sums, squares } = counts;
  const from = row * counts.parameters;
  const parameters = measuredTo(rows, from, counts.parameters);
  if (parameters < counts.parameters) counts.stops[parameters]++;
  for (let p = 0; p < parameters; p++) {
    const value = rows[from + p] ?? Number.NaN;
    if (Number.isNaN(value)) {
      cells[p * CELLS + BINS] = (cells[p * CELLS + BINS] ?? 0) + 1;
      continue;
    }
    const cell = p * CELLS + edgesBelow(edges, p * EDGES, value);
    cells[cell] = (cells[cell] ?? 0) + 1;
    const z = (value - (means[p] ?? 0)) / (scales[p] ?? 1);
    sums[p] = (sums[p] ?? 0) + z;
    squares[p] = (squares[p] ?? 0) + z * z;
  }
  counts.sampled++;
}

/** Up to which parameter a die was measured: after its last value there is nothing, as for one that stops at a failing test. */
function measuredTo(rows: Float32Array, from: number, parameters: number): number {
  let end = parameters;
  while (end > 0 && Number.isNaN(rows[from + end - 1] ?? Number.NaN)) end--;
  return end;
}

/** How many of the nine edges from index `from` on are below the value: the bin that it is in. */
export function edgesBelow(edges: Float32Array, from: number, value: number): number {
  let below = 0;
  for (let i = from; i < from + EDGES; i++) below += Number(value > (edges[i] ?? 0));
  return below;
}
