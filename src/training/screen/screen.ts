import { residualsOf } from './dependency.js';
import { type Standardisation, standardScores } from './standardise.js';

/**
 * What judges a die. `process`: prediction error and T² of principal components in one index. `dependency`: the largest
 * residual of a parameter given all others. `combined`: whichever of the two is further beyond its share of the budget. `limits`: part average limits
 * of each parameter alone.
 */
export const SCREEN_KINDS = ['process', 'dependency', 'combined', 'limits'] as const;

export type ScreenKind = (typeof SCREEN_KINDS)[number];

/** The part of a screen that looks for one parameter which the others do not explain. */
interface ResidualScreen {
  /** float32 [parameters, parameters] row-major: standard scores times this are residuals in robust sigma; undefined: they are already. */
  readonly weights: Float32Array | undefined;
  /** float32: the square of the largest residual times this is its score. */
  readonly weight: number;
}

/**
 * The multivariate outlier screen as it is shipped: standardise, project on k principal components,
 * combined index. Holds the very float32 constants of the ONNX graph, so that this reference and the
 * graph differ in rounding only.
 */
export interface Screen {
  readonly kind: ScreenKind;
  /** Of all kinds but `process`. */
  readonly residual?: ResidualScreen | undefined;
  readonly standardisation: Standardisation;
  readonly parameters: number;
  readonly components: number;
  /** P, float32 [parameters, components] row-major: orthonormal columns, zero rows where not used. */
  readonly projection: Float32Array;
  /** float32 [components, parameters]: takes projections back to parameters, weighted. */
  readonly back: Float32Array;
  /** Weight of a standard score itself, float32: 1 / (δ √limit). */
  readonly direct: number;
}

/**
 * Anomaly scores in double precision: float64 [dies]. 1 is the control limit.
 * `values` is float32 [dies, parameters] row-major; NaN is a missing value, which counts as the centre.
 */
export function scoreDies(screen: Screen, values: Float32Array): Float64Array {
  const dies = values.length / screen.parameters;
  return Float64Array.from({ length: dies }, (_, die) => {
    const row = values.subarray(die * screen.parameters, (die + 1) * screen.parameters);
    const process =
      screen.kind === 'dependency' || screen.kind === 'limits'
        ? 0
        : contributionsOf(screen, row).reduce((sum, contribution) => sum + contribution, 0);
    return screen.residual === undefined
      ? process
      : Math.max(process, residualScore(screen, screen.residual, row));
  });
}

function residualScore(
  { standardisation }: Screen,
  { weights, weight }: ResidualScreen,
  values: Float32Array,
): number {
  const z = standardScores(standardisation, values);
  const residuals = weights === undefined ? z : residualsOf(weights, z, values);
  return weight * largestSquare(residuals);
}

/** The square of the value that is farthest from 0. */
function largestSquare(values: Float64Array): number {
  return values.reduce((largest, value) => Math.max(largest, value * value), 0);
}

/**
 * What each parameter adds to one die's score: y², float64 [parameters], none negative, where
 * y = z · direct + (z P) back is Φ^(1/2) z of Yue and Qin's combined index φ = zᵀ Φ z.
 */
export function contributionsOf(screen: Screen, values: Float32Array): Float64Array {
  const { components, projection, back, direct } = screen;
  const z = standardScores(screen.standardisation, values);
  const projected = new Float64Array(components);
  for (let p = 0; p < z.length; p++) {
    const score = z[p];
    if (score === 0) continue;
    for (let c = 0; c < components; c++) {
      projected[c] = projected[c] + score * projection[p * components + c];
    }
  }
  const y = z.map((score) => score * direct);
  for (let c = 0; c < components; c++) {
    const t = projected[c];
    for (let p = 0; p < y.length; p++) y[p] = y[p] + t * back[c * y.length + p];
  }
  return y.map((value) => value * value);
}
