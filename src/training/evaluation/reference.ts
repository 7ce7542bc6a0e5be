import type { Reference } from '../../models/manifest/reference.js';
import { quantile } from '../screen/quantile.js';
import { measuredValues, momentsOf } from '../screen/standardise.js';
import type { DieTable } from '../table/die-table.js';

/**
 * The distributions that drift is measured against, over the given passing dies (row numbers).
 * `scores` are those of passing dies that were not fitted to. Figures have seven significant
 * digits, as many as float32 values hold. A parameter never measured has zeros and missing rate 1.
 */
export function referenceOf(table: DieTable, rows: readonly number[], scores: Float64Array): Reference {
  return {
    dies: rows.length,
    parameters: table.parameters.map((_, p) => {
      const measured = measuredValues(table, rows, p);
      const { mean, deviation } = momentsOf(measured);
      return {
        edges: decileEdges(measured),
        mean: rounded(mean),
        standardDeviation: rounded(deviation),
        missingRate: rounded(1 - measured.length / rows.length),
      };
    }),
    score: { edges: decileEdges(scores) },
  };
}

function decileEdges(values: Float64Array): number[] {
  const ascending = values.toSorted();
  const tenths = Array.from({ length: 9 }, (_, i) => (i + 1) / 10);
  return tenths.map((q) => (ascending.length === 0 ? 0 : rounded(quantile(ascending, q))));
}

function rounded(value: number): number {
  return Number(value.toPrecision(7));
}
