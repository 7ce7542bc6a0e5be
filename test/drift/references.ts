import type { Reference } from '../../src/models/manifest/reference.js';
import { quantile } from '../../src/statistics/quantile.js';
import { referenceOf } from '../../src/training/evaluation/reference.js';

const TENTHS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/** What is known of the dies of columns. */
interface ColumnDies {
  /** Whether each die passes; all do by default. */
  readonly passing?: readonly boolean[];
  /** Wafer of each die. */
  readonly wafers?: readonly string[];
}

/** The reference of columns of values, as training makes it: one for each parameter; NaN is missing. */
export function referenceOfColumns(
  columns: readonly (readonly number[])[],
  { passing, wafers }: ColumnDies = {},
): Reference {
  const dies = Math.max(1, ...columns.map(({ length }) => length));
  const values = new Float32Array(dies * columns.length);
  columns.forEach((column, p) => {
    for (let die = 0; die < dies; die++) values[die * columns.length + p] = column[die] ?? Number.NaN;
  });
  const passes = Array.from({ length: dies }, (_, die) => passing?.[die] ?? true);
  const scores = Float64Array.from({ length: 1000 }, (_, i) => (i + 0.5) / 1000);
  return referenceOf({
    table: {
      parameters: columns.map((_, p) => `P${p}`),
      dies,
      values,
      labelled: passing !== undefined,
      passing: Uint8Array.from(passes, Number),
      defects: [],
      lots: undefined,
      wafers,
      ignoredColumns: [],
      sources: [],
    },
    passing: passes.flatMap((pass, die) => (pass ? [die] : [])),
    scores,
    passingScores: scores,
  });
}

/** What versions of diegate before shares were kept wrote of the same columns. */
export function olderReferenceOfColumns(columns: readonly (readonly number[])[]): Reference {
  const rounded = (value: number) => Number(value.toPrecision(7));
  return {
    dies: Math.max(1, ...columns.map(({ length }) => length)),
    parameters: columns.map((values) => {
      const measured = Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort();
      const mean = measured.reduce((a, b) => a + b, 0) / Math.max(1, measured.length);
      const squares = measured.reduce((sum, value) => sum + (value - mean) ** 2, 0);
      return {
        edges: TENTHS.map((q) => (measured.length === 0 ? 0 : rounded(quantile(measured, q)))),
        mean,
        standardDeviation: Math.sqrt(squares / Math.max(1, measured.length - 1)),
        missingRate: 1 - measured.length / Math.max(1, values.length),
      };
    }),
    score: { edges: TENTHS },
  };
}
