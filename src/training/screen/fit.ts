import { Fault } from '../../errors.js';
import type { DieTable } from '../table/die-table.js';
import { countComponents } from './component-count.js';
import { noiseDeviations } from './noise-scaling.js';
import { type PrincipalComponents, principalComponents } from './principal-components.js';
import {
  type FunctionalParameters,
  fitStandardisation,
  type Standardisation,
  standardScores,
  WINSOR_SIGMAS,
} from './standardise.js';

/** What good dies look like: centre, scale and principal components, before any limit is known. */
export interface NormalModel {
  readonly standardisation: Standardisation;
  readonly parameters: number;
  /** float64 [parameters]: what a standard score is multiplied with to be in units of the parameter's own deviation. */
  readonly noise: Float64Array;
  readonly components: number;
  /** P, float32 [parameters, components] row-major: orthonormal columns, zero rows where not used. */
  readonly projection: Float32Array;
  /** Λ: variance along each component, float64 [components]. */
  readonly variances: Float64Array;
  /** Variances of the components left out, largest first. */
  readonly leftVariances: Float64Array;
  /** Share of the variance that the components explain, 0 to 1. */
  readonly explainedVariance: number;
}

/**
 * Fits the model to the given dies (row numbers in the table), which should all be good. `asked` is
 * the number of components; by default parallel analysis says.
 */
export function fitNormal(
  table: DieTable,
  rows: readonly number[],
  asked?: number,
  functional?: FunctionalParameters,
): NormalModel {
  const unit = fitStandardisation(table, rows, functional);
  const used = unit.use.flatMap((use, p) => (use === 'used' ? [p] : []));
  if (used.length === 0) {
    throw new Fault('invalid_data', [
      'no parameter varies over the passing dies and is measured on at least half of them: nothing to learn',
    ]);
  }
  const z = fitScores(table, rows, unit, used);
  const noise = noiseDeviations(z, rows.length, used.length);
  // In place: of fifty thousand dies a copy would be as large as their table twice over.
  for (let i = 0; i < z.length; i++) z[i] = z[i] / noise[i % used.length];
  const pca = principalComponents(z, rows.length, used.length);
  const components = chooseComponents(pca, rows.length, used.length, asked);
  const scale = unit.scale.slice();
  const noiseOfAll = new Float64Array(unit.use.length).fill(1);
  used.forEach((p, u) => {
    scale[p] /= noise[u];
    noiseOfAll[p] = noise[u];
  });
  const variances = pca.variances.slice(0, components);
  return {
    standardisation: { ...unit, scale },
    parameters: unit.use.length,
    noise: noiseOfAll,
    components,
    projection: projectionOf(pca, components, used, unit.use.length),
    variances,
    leftVariances: pca.variances.slice(components),
    explainedVariance: sum(variances) / sum(pca.variances),
  };
}

/** float64 [dies, used parameters]: standard scores for the fit, outliers drawn in, missing at 0. */
function fitScores(
  table: DieTable,
  rows: readonly number[],
  standardisation: Standardisation,
  used: readonly number[],
): Float64Array {
  const width = table.parameters.length;
  const scores = new Float64Array(rows.length * used.length);
  rows.forEach((row, r) => {
    const z = standardScores(standardisation, table.values.subarray(row * width, (row + 1) * width));
    used.forEach((p, u) => {
      scores[r * used.length + u] = Math.min(WINSOR_SIGMAS, Math.max(-WINSOR_SIGMAS, z[p]));
    });
  });
  return scores;
}

/** A component of less variance than this share of the largest is rounding, and has no direction. */
const MIN_VARIANCE_SHARE = 1e-9;

function chooseComponents(
  { variances }: PrincipalComponents,
  dies: number,
  used: number,
  asked: number | undefined,
): number {
  if (asked === undefined) return countComponents(variances, dies, used);
  const most = variances.filter((variance) => variance > MIN_VARIANCE_SHARE * variances[0]).length;
  if (asked > most) {
    throw new Fault('invalid_usage', [
      `--components: found ${asked}, expected at most ${most} for ${dies} dies and ${used} parameters in use`,
    ]);
  }
  return asked;
}

function projectionOf(
  pca: PrincipalComponents,
  components: number,
  used: readonly number[],
  parameters: number,
): Float32Array {
  const projection = new Float32Array(parameters * components);
  for (let c = 0; c < components; c++) {
    const direction = pca.direction(c);
    used.forEach((p, u) => {
      projection[p * components + c] = direction[u];
    });
  }
  return projection;
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
