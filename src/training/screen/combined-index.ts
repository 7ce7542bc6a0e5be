import { type ControlLimit, controlLimit, empiricalLimit } from './control-limit.js';
import type { NormalModel } from './fit.js';
import { chiSquareQuantile } from './quantile.js';
import type { Screen } from './screen.js';
import { standardScores } from './standardise.js';

/** Control limits of the two statistics and of their combination φ = SPE/δ² + T²/τ². */
export interface IndexLimits {
  /** δ² */
  readonly spe: number;
  /** τ² */
  readonly t2: number;
  readonly combined: ControlLimit;
  /** float64 [dies]: φ of the dies that the limits were taken from. */
  readonly index: Float64Array;
}

/** What theory says of the same limits (Yue and Qin 2001: chi-square and Box's approximation). */
export interface TheoreticalLimits {
  readonly spe: number;
  readonly t2: number;
  /** Of φ, with the empirical δ² and τ². */
  readonly combined: number;
}

/**
 * Limits from good dies that were not fitted to, float32 [dies, parameters] row-major. δ² is the SPE
 * that at most `rate` of good dies exceed. τ² is the largest T² seen: lots move along the process
 * components, so a die is not suspect for standing where good dies have stood, and the alarms that
 * `rate` allows go to what the process does not explain. Both are empirical: theory, on the fitting
 * dies, puts them too low where dies are few or lots differ.
 */
export function limitsFrom(model: NormalModel, goodDies: Float32Array, rate: number): IndexLimits {
  const { spe, t2 } = statisticsOf(model, goodDies);
  const speLimit = Math.max(empiricalLimit(spe, rate), MIN_ERROR_VARIANCE * model.parameters);
  const t2Limit = t2.reduce((largest, value) => Math.max(largest, value), 0);
  const index = spe.map((error, die) => error / speLimit + t2[die] / t2Limit);
  return { spe: speLimit, t2: t2Limit, combined: controlLimit(index, rate), index };
}

/**
 * δ² is at least this for each parameter, in squared noise deviations. Where the components explain
 * everything (a single parameter, sensors logged twice) the error is float32 rounding alone, which a
 * smaller δ would blow up into the score.
 */
const MIN_ERROR_VARIANCE = 0.01;

/** The screen whose score is φ over its control limit. */
export function createScreen(model: NormalModel, limits: IndexLimits): Screen {
  const { standardisation, parameters, components, projection, variances } = model;
  const scale = 1 / Math.sqrt(limits.combined.limit);
  const direct = scale / Math.sqrt(limits.spe);
  const back = new Float32Array(components * parameters);
  for (let c = 0; c < components; c++) {
    // Φ^(1/2) = (I - P Pᵀ)/δ + P Λ^(-1/2) Pᵀ/τ: what P Pᵀ carries is reweighted from 1/δ to this.
    const weight = scale / Math.sqrt(variances[c] * limits.t2) - direct;
    for (let p = 0; p < parameters; p++) back[c * parameters + p] = projection[p * components + c] * weight;
  }
  return {
    kind: 'process',
    ...{ standardisation, parameters, components, projection, back, direct: Math.fround(direct) },
  };
}

/** The limits that normally distributed dies would have. */
export function theoreticalLimits(model: NormalModel, limits: IndexLimits, rate: number): TheoreticalLimits {
  const { components, leftVariances } = model;
  const theta1 = leftVariances.reduce((total, variance) => total + variance, 0);
  const theta2 = leftVariances.reduce((total, variance) => total + variance * variance, 0);
  return {
    spe: boxLimit(theta1, theta2, 1 - rate),
    t2: chiSquareQuantile(1 - rate, components),
    // φ is then a weighted sum of squared normals with these two moments.
    combined: boxLimit(
      theta1 / limits.spe + components / limits.t2,
      theta2 / (limits.spe * limits.spe) + components / (limits.t2 * limits.t2),
      1 - rate,
    ),
  };
}

/** Quantile of a weighted sum of squared normals, given the sums of weights and of their squares (Box 1954). */
function boxLimit(weights: number, squaredWeights: number, quantile: number): number {
  if (!(squaredWeights > 0)) return 0;
  return (squaredWeights / weights) * chiSquareQuantile(quantile, (weights * weights) / squaredWeights);
}

/** Squared prediction error and Hotelling's T² of each die, float64 [dies]. */
function statisticsOf(model: NormalModel, values: Float32Array): { spe: Float64Array; t2: Float64Array } {
  const { standardisation, parameters, components, projection, variances } = model;
  const dies = values.length / parameters;
  const spe = new Float64Array(dies);
  const t2 = new Float64Array(dies);
  for (let die = 0; die < dies; die++) {
    const z = standardScores(standardisation, values.subarray(die * parameters, (die + 1) * parameters));
    let explained = 0;
    for (let c = 0; c < components; c++) {
      let t = 0;
      for (let p = 0; p < parameters; p++) t += z[p] * projection[p * components + c];
      explained += t * t;
      t2[die] += (t * t) / variances[c];
    }
    const total = z.reduce((sum, score) => sum + score * score, 0);
    spe[die] = Math.max(0, total - explained);
  }
  return { spe, t2 };
}
