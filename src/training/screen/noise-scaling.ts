import { countStrongComponents } from './component-count.js';
import { principalComponents } from './principal-components.js';

/**
 * At least this share of a parameter's variance counts as noise: a parameter that others predict
 * wholly (a sensor logged twice) would otherwise get an endless weight.
 */
const MIN_NOISE_SHARE = 0.05;

/**
 * What the strong components leave of each parameter, as a standard deviation: float64 [parameters].
 * Divided by it, a parameter's noise is about the same as every other's. That makes the prediction
 * error weigh parameters by how well they are known, and it is what {@link countComponents} needs
 * (as maximum-likelihood factor analysis does; a single step of it).
 * `z`: standard scores, float64 [dies, parameters] row-major.
 */
export function noiseDeviations(z: Float64Array, dies: number, parameters: number): Float64Array {
  const total = new Float64Array(parameters);
  for (let i = 0; i < z.length; i++) total[i % parameters] += (z[i] * z[i]) / (dies - 1);
  const pca = principalComponents(z, dies, parameters);
  const unexplained = total.slice();
  for (let c = 0; c < countStrongComponents(pca.variances, dies, parameters); c++) {
    pca.direction(c).forEach((weight, p) => {
      unexplained[p] -= pca.variances[c] * weight * weight;
    });
  }
  return unexplained.map((variance, p) => Math.sqrt(Math.max(variance, MIN_NOISE_SHARE * total[p])));
}
