/**
 * Parallel analysis (Horn 1965) in closed form: a principal component is process and not noise while
 * its variance exceeds the largest that noise alone would show. That is the Marchenko-Pastur edge
 * σ²(1 + √(parameters / dies))², computed instead of simulated. Both counts are at least 1, at most half of the
 * parameters and at most one for every ten dies, as fewer do not tell a component's variance.
 * `variances` are the components', largest first.
 */

/** Horn's own rule: noise is as many independent parameters of variance 1. Misses weak factors. */
export function countStrongComponents(variances: Float64Array, dies: number, parameters: number): number {
  const edge = edgeOfUnitNoise(dies, parameters);
  const above = variances.filter((variance) => variance > edge).length;
  return Math.max(1, Math.min(above, mostComponents(dies, parameters)));
}

/**
 * Finds weak factors too, but holds only where noise has the same variance in every parameter: σ² is
 * the mean of the variances from the component in question on (as in Kritchman and Nadler 2008).
 */
export function countComponents(variances: Float64Array, dies: number, parameters: number): number {
  const edge = edgeOfUnitNoise(dies, parameters);
  const most = mostComponents(dies, parameters);
  let left = variances.reduce((sum, variance) => sum + variance, 0);
  for (let k = 0; k < most; k++) {
    if (!(variances[k] > (left / (parameters - k)) * edge)) return Math.max(1, k);
    left -= variances[k];
  }
  return most;
}

function edgeOfUnitNoise(dies: number, parameters: number): number {
  const root = 1 + Math.sqrt(parameters / dies);
  return root * root;
}

function mostComponents(dies: number, parameters: number): number {
  return Math.max(1, Math.floor(Math.min(dies / 10, parameters / 2)));
}
