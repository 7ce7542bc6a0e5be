import type { MeasurementContract } from '../die/die.js';
import type { Parameter } from './manifest/input-schema.js';
import { type ModelVersion, probeOf } from './model-version.js';

/** Measurements that a version is tried with before it takes a die. */
export interface ProbeRows {
  /** float32 [rows, parameters] row-major; the first is the expected measurement. */
  readonly rows: Float32Array;
  /** How many of them, from the first on, look like real dies of this version. */
  readonly realistic: number;
}

// Enough to meet every place that a row can have in the blocks of 4, 6, 8 and 16 that are computed together, and a
// prime, so that a batch that repeats them has each of them in many places.
const ROWS = 13;
/** Rows of real size; the last of them lacks values where the version imputes. The rest is of unit size. */
const LIKE_DIES = 9;
/** One value in so many is missing in the row of a version that imputes. */
const MISSING_EVERY = 7;

/** The value of a parameter that a share u of dies, 0 < u < 1, lies below. */
type Quantile = (u: number) => number;

/**
 * Measurements like those that the version will meet, from its reference and its manifest: the expected one, some
 * of the size and spread of real dies, and some of unit size. The same version gives the same rows.
 */
export function probeRowsOf(version: ModelVersion): ProbeRows {
  const { contract } = version;
  const quantiles = quantilesOf(version);
  const count = contract.parameterCount;
  const categoriesAt = new Map(contract.categories?.map(({ index, positions }) => [index, positions.size]));
  const random = randomNumbers();
  const rows = new Float32Array(ROWS * count);
  rows.set(probeOf(version));
  for (let row = 1; row < ROWS; row++) {
    for (let p = 0; p < count; p++) {
      const u = (random() + 0.5) / 2 ** 32;
      const quantile = row < LIKE_DIES ? quantiles[p] : undefined;
      const categories = categoriesAt.get(p);
      rows[row * count + p] =
        categories === undefined
          ? bounded((quantile ?? normalQuantile)(u), contract, p)
          : Math.floor(u * categories);
    }
  }
  if (contract.acceptsMissing) {
    for (let p = 0; p < count; p += MISSING_EVERY)
      if (!categoriesAt.has(p)) rows[(LIKE_DIES - 1) * count + p] = Number.NaN;
  }
  const known =
    quantiles.length > 0 && quantiles.every((quantile, p) => quantile !== undefined || categoriesAt.has(p));
  return { rows, realistic: known ? LIKE_DIES : 1 };
}

/** Rows for a graph of which only the number of parameters is known: zeros, and values of unit size. */
export function unknownProbeRows(parameters: number): Float32Array {
  const random = randomNumbers();
  return Float32Array.from({ length: ROWS * parameters }, (_, i) =>
    i < parameters ? 0 : normalQuantile((random() + 0.5) / 2 ** 32),
  );
}

function quantilesOf({ manifest, reference }: ModelVersion): (Quantile | undefined)[] {
  if (reference !== undefined) return reference.parameters.map(({ edges }) => betweenDeciles(edges));
  const { parameters } = manifest.input;
  return typeof parameters === 'number' ? [] : parameters.map(quantileOf);
}

/** Linear between the deciles, and as far beyond the outer ones as half of what lies next to them. */
function betweenDeciles(edges: readonly number[]): Quantile {
  const [first = 0, second = first] = edges;
  const last = edges.at(-1) ?? 0;
  const beforeLast = edges.at(-2) ?? last;
  const points = [first - (second - first) / 2, ...edges, last + (last - beforeLast) / 2];
  return (u) => {
    const at = u * (points.length - 1);
    const below = Math.min(Math.floor(at), points.length - 2);
    const from = points[below] ?? 0;
    return from + (at - below) * ((points[below + 1] ?? from) - from);
  };
}

function quantileOf({
  median,
  robustSigma,
  expected,
  lowLimit,
  highLimit,
  minimum,
  maximum,
}: Parameter): Quantile | undefined {
  const low = lowLimit ?? minimum;
  const high = highLimit ?? maximum;
  const centre =
    median ?? expected ?? (low !== undefined && high !== undefined ? (low + high) / 2 : undefined);
  if (centre === undefined) return undefined;
  const width = low !== undefined && high !== undefined ? (high - low) / 12 : Math.abs(centre) * 0.05;
  const sigma = robustSigma ?? width;
  return (u) => centre + sigma * Math.min(3, Math.max(-3, normalQuantile(u)));
}

function bounded(value: number, { bounds }: MeasurementContract, parameter: number): number {
  const bound = bounds?.[parameter];
  if (bound === undefined) return value;
  const within = Math.min(bound.maximum, Math.max(bound.minimum, value));
  return bound.whole ? Math.round(within) : within;
}

/** Quantile of the standard normal distribution, to a few parts in a hundred: what is wanted is its size. */
function normalQuantile(u: number): number {
  const sign = u < 0.5 ? -1 : 1;
  const tail = Math.min(u, 1 - u);
  // Tukey's lambda with 0.135 is the normal distribution nearly everywhere.
  return (sign * ((1 - tail) ** 0.135 - tail ** 0.135)) / 0.1975;
}

/** Whole numbers from 0 to 2^32 - 1, always the same (mulberry32). */
function randomNumbers(): () => number {
  let state = 20_261_201;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}
