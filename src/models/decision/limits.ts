import { parameterCount } from '../manifest/parameter-count.js';
import type { Reference } from '../manifest/reference.js';
import type { Manifest } from '../manifest/task-manifests.js';
import { type Decided, defectProbability } from './decide.js';

/** Limits of every test parameter, as a centre and a reach to either side; float64 [parameters]. */
export interface ParameterLimits {
  readonly centre: Float64Array;
  /** Infinity where a parameter has no limits. */
  readonly reach: Float64Array;
}

// From the 10th to the 90th percentile of a normal distribution are 2 × 1.281552 standard deviations.
const DECILE_SPAN_SIGMAS = 2.563103;

/**
 * Static part average testing limits, median ± k robust sigma (AEC-Q001), from the manifest's median and
 * robustSigma, else from the deciles of the reference, else the specification limits.
 * @param sigmas k
 * @returns undefined where no parameter has limits of any kind
 */
export function parameterLimits(
  manifest: Manifest,
  reference: Reference | undefined,
  sigmas: number,
): ParameterLimits | undefined {
  const count = parameterCount(manifest);
  const centre = new Float64Array(count);
  const reach = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  for (let i = 0; i < count; i++) {
    const limits = robustLimits(manifest, reference, i, sigmas) ?? specificationLimits(manifest, i);
    if (limits === undefined) continue;
    [centre[i], reach[i]] = limits;
  }
  return reach.some(Number.isFinite) ? { centre, reach } : undefined;
}

/**
 * How far the die's worst parameter lies out: 1 at its limit, 2 at twice the distance. Missing values
 * (NaN) are not judged.
 * @param params float32 [dies, parameters] row-major
 */
function limitsScore({ centre, reach }: ParameterLimits, params: Float32Array, die: number): number {
  let worst = 0;
  const at = die * centre.length;
  for (let i = 0; i < centre.length; i++) {
    const distance = Math.abs((params[at + i] ?? 0) - (centre[i] ?? 0)) / (reach[i] ?? 1);
    if (distance > worst) worst = distance;
  }
  return worst;
}

// Nothing is known of how often limits err: the confidence is nominal, 0.5 at the limit, 0.94 at √2 of it.
const NOMINAL = { method: 'logistic-log-score', slope: 8, intercept: 0, basis: 'nominal' } as const;

/** A die beyond any of its limits fails. */
export function decideByLimits(limits: ParameterLimits, params: Float32Array, die: number): Decided {
  const anomalyScore = limitsScore(limits, params, die);
  const defective = defectProbability(anomalyScore, NOMINAL);
  return anomalyScore > 1
    ? { prediction: 'fail', confidence: defective, anomalyScore }
    : { prediction: 'pass', confidence: 1 - defective, anomalyScore };
}

type CentreAndReach = [centre: number, reach: number] | undefined;

function robustLimits(
  { input }: Manifest,
  reference: Reference | undefined,
  i: number,
  sigmas: number,
): CentreAndReach {
  const parameter = typeof input.parameters === 'number' ? undefined : input.parameters[i];
  if (parameter?.median !== undefined && parameter.robustSigma !== undefined)
    return [parameter.median, sigmas * parameter.robustSigma];
  const [low, , , , median, , , , high] = reference?.parameters[i]?.edges ?? [];
  if (low === undefined || median === undefined || high === undefined || high <= low) return undefined;
  return [median, (sigmas * (high - low)) / DECILE_SPAN_SIGMAS];
}

/** A parameter with one limit only is judged where its expected value says how far away that limit is. */
function specificationLimits({ input }: Manifest, i: number): CentreAndReach {
  const parameter = typeof input.parameters === 'number' ? undefined : input.parameters[i];
  if (parameter === undefined) return undefined;
  const { lowLimit: low, highLimit: high, expected } = parameter;
  if (low !== undefined && high !== undefined && low < high) return [(low + high) / 2, (high - low) / 2];
  const only = low ?? high;
  if (only === undefined || expected === undefined || expected === only) return undefined;
  return [expected, Math.abs(expected - only)];
}
