/**
 * How the dies of a version are run, so that a die's outputs are the same bits whatever is beside it:
 *
 * - `any`: as many rows in a run as there are dies; the graph itself gives the same bits.
 * - `padded`: every run has exactly `rows` rows; where there are fewer dies, the last is repeated.
 * - `single`: every run is for one die, which fills all of its `rows` (1, or a graph's fixed batch).
 */
export type BatchPolicy =
  | { readonly kind: 'any' }
  | { readonly kind: 'padded' | 'single'; readonly rows: number };

/** Why a version cannot be run in batches of any size. */
export type BatchDependence =
  /** The graph has a fixed batch. */
  | { readonly kind: 'fixed_batch' }
  | {
      /**
       * `rounding`: the size of the batch, or a row's place in it, changes the order of additions. `rows_mix`:
       * the values of other rows change a row's outputs.
       */
      readonly kind: 'rounding' | 'rows_mix';
      /** The output that differed most. */
      readonly output: string;
      /** How much, as a share of the output's largest magnitude over the rows tried. */
      readonly difference: number;
    };

/** What was found at load of how a version's dies can be run. */
export interface BatchFinding {
  readonly policy: BatchPolicy;
  /** Undefined where the policy is `any`, or where no more than one die is ever in a batch. */
  readonly dependence: BatchDependence | undefined;
}

/** A policy for people: the end of a sentence that begins with "dies are run". */
export function policyText(policy: BatchPolicy): string {
  switch (policy.kind) {
    case 'any':
      return 'in batches of any size';
    case 'padded':
      return `in runs of exactly ${policy.rows} rows, padded where there are fewer dies`;
    case 'single':
      return policy.rows === 1
        ? 'one at a time'
        : `one at a time, each filling a batch of ${policy.rows} rows`;
  }
}

/** Why, for people: a whole clause. */
export function dependenceText(dependence: BatchDependence): string {
  if (dependence.kind === 'fixed_batch') return 'the graph has a fixed batch';
  const { kind, output, difference } = dependence;
  const size = `by up to ${difference.toPrecision(2)} of its largest value`;
  return kind === 'rounding'
    ? `output "${output}" of a row differs between a batch and alone, ${size}: sums are rounded in another order`
    : `output "${output}" of a row depends on the other rows of its batch, ${size}`;
}
