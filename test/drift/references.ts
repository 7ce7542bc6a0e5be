import type { Reference } from '../../src/models/manifest/reference.js';
import { quantile } from '../../src/training/screen/quantile.js';

const TENTHS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/** The reference of columns of values, as training makes it: one for each parameter; NaN is missing. */
export function referenceOfColumns(columns: readonly (readonly number[])[]): Reference {
  return {
    dies: Math.max(1, ...columns.map(({ length }) => length)),
    parameters: columns.map((values) => {
      const measured = Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort();
      const mean = measured.reduce((a, b) => a + b, 0) / Math.max(1, measured.length);
      const squares = measured.reduce((sum, value) => sum + (value - mean) ** 2, 0);
      return {
        edges: TENTHS.map((q) => (measured.length === 0 ? 0 : quantile(measured, q))),
        mean,
        standardDeviation: Math.sqrt(squares / Math.max(1, measured.length - 1)),
        missingRate: 1 - measured.length / Math.max(1, values.length),
      };
    }),
    score: { edges: TENTHS },
  };
}
