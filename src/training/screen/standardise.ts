import { quantile } from '../../statistics/quantile.js';
import type { DieTable } from '../table/die-table.js';

/**
 * Why a parameter has weight zero, or that it is used. `verdict`: a functional test that good dies pass, by a
 * scale of its own and outside of the principal components.
 */
export type ParameterUse = 'used' | 'verdict' | 'constant' | 'sparse';

/** How raw values become standard scores; every array has one entry for each parameter. */
export interface Standardisation {
  /** Centre in the parameter's unit, exactly representable in float32; 0 where not used. */
  readonly centre: Float32Array;
  /** One over the standard deviation, float32; 0 where the parameter is not used. */
  readonly scale: Float32Array;
  readonly use: readonly ParameterUse[];
}

/** A parameter must have been measured on at least this share of the fitting dies. */
export const MIN_MEASURED_SHARE = 0.5;

/**
 * Values beyond these percentiles are drawn in to them while fitting, so that a few escapes among the
 * passing dies do not stretch the scale. Percentiles and not multiples of the interquartile range:
 * real sensors jump between levels, and a level that one die in twenty shows is normal.
 */
const WINSOR_QUANTILES = [0.01, 0.99] as const;

/** Standard scores are drawn in to this for the principal components, for the same reason. */
export const WINSOR_SIGMAS = 5;

/** Standard scores are held within this: what lies further out is as bad as it gets. */
export const MAX_STANDARD_SCORE = 1000;

/** Half a float32 step relative to the value: below it a spread is rounding, not process. */
const FLOAT32_RESOLUTION = 5.96e-8;

/** Scales beyond these leave float32's normal range once multiplied with a clipped difference. */
const MAX_SCALE = 1e35;
const MIN_SCALE = 1e-35;

/** Centre and scale of each parameter over the given dies (row numbers in the table). */
export function fitStandardisation(
  table: DieTable,
  rows: readonly number[],
  functional: FunctionalParameters = new Set(),
): Standardisation {
  const count = table.parameters.length;
  const centre = new Float32Array(count);
  const scale = new Float32Array(count);
  const use = Array.from({ length: count }, (_, p): ParameterUse => {
    const measured = measuredValues(table, rows, p).sort();
    if (measured.length < Math.max(2, MIN_MEASURED_SHARE * rows.length)) return 'sparse';
    const { mean, deviation } = winsorisedMoments(measured);
    const inverse = Math.fround(1 / deviation);
    const isRounding = deviation <= Math.abs(mean) * FLOAT32_RESOLUTION;
    if (!(deviation > 0) || isRounding || inverse > MAX_SCALE || inverse < MIN_SCALE) {
      return mean === 0 && functional.has(table.parameters[p] ?? '') ? 'verdict' : 'constant';
    }
    centre[p] = mean;
    scale[p] = inverse;
    return 'used';
  });
  const used = use.filter((each) => each === 'used').length;
  use.forEach((each, p) => {
    if (each === 'verdict') scale[p] = verdictScale(measuredValues(table, rows, p), used);
  });
  return { centre, scale, use };
}

/** Names of parameters whose values are 0 passed, 1 failed. */
export type FunctionalParameters = ReadonlySet<string>;

/**
 * One over the deviation of verdicts of which at most one in a hundred is a fail. Where none is, nothing says
 * how far out a fail lies: it is taken to weigh {@link WINSOR_SIGMAS} times as much as all that a good die
 * shows in its `used` other parameters together, so it is told whatever their number is. Where good
 * dies do fail it now and then, the deviation is that of their share, by Laplace's rule (k + 1) / (n + 2).
 */
function verdictScale(verdicts: Float64Array, used: number): number {
  const fails = verdicts.reduce((sum, verdict) => sum + verdict, 0);
  if (fails === 0) return Math.fround(WINSOR_SIGMAS * Math.sqrt(Math.max(1, used)));
  const share = (fails + 1) / (verdicts.length + 2);
  return Math.fround(1 / Math.sqrt(share * (1 - share)));
}

/** The values of one parameter that are not missing, over the given dies, in their order. */
export function measuredValues(table: DieTable, rows: readonly number[], parameter: number): Float64Array {
  const width = table.parameters.length;
  const values = new Float64Array(rows.length);
  let found = 0;
  for (const row of rows) {
    const value = table.values[row * width + parameter] ?? Number.NaN;
    if (!Number.isNaN(value)) values[found++] = value;
  }
  return values.slice(0, found);
}

function winsorisedMoments(ascending: Float64Array): { mean: number; deviation: number } {
  const [low, high] = WINSOR_QUANTILES.map((q) => quantile(ascending, q));
  return momentsOf(ascending.map((value) => Math.min(high, Math.max(low, value))));
}

/** Mean and standard deviation (n - 1); deviation 0 for fewer than two values. */
export function momentsOf(values: Float64Array): { mean: number; deviation: number } {
  const first = values[0] ?? 0;
  // Sums of differences from the first value: a constant column gives exactly 0.
  const mean = first + values.reduce((sum, value) => sum + (value - first), 0) / Math.max(1, values.length);
  const square = values.reduce((sum, value) => sum + (value - mean) * (value - mean), 0);
  return { mean, deviation: Math.sqrt(square / Math.max(1, values.length - 1)) };
}

/** Standard scores of one die, float64 [parameters], held within ±{@link MAX_STANDARD_SCORE}. */
export function standardScores({ centre, scale }: Standardisation, values: Float32Array): Float64Array {
  return Float64Array.from(values, (value, p) => {
    if (Number.isNaN(value)) return 0;
    const z = (value - centre[p]) * scale[p];
    return Math.min(MAX_STANDARD_SCORE, Math.max(-MAX_STANDARD_SCORE, z));
  });
}
