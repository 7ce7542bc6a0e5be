import { type Standardisation, standardScores } from './standardise.js';

/**
 * The multivariate outlier screen as it is shipped: standardise, project on k principal components,
 * combined index. Holds the very float32 constants of the ONNX graph, so that this reference and the
 * graph differ in rounding only.
 */
export interface Screen {
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
    return contributionsOf(screen, row).reduce((sum, contribution) => sum + contribution, 0);
  });
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
