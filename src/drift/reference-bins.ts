import type { Reference } from '../models/manifest/reference.js';

/** Edges of a distribution in reference.json: the 10th to 90th percentiles. */
export const EDGES = 9;
/** Bins between and beyond the edges. */
export const BINS = EDGES + 1;

/** Bins of one or more quantities, `EDGES` for each, laid out one behind the other. */
export interface Bins {
  /** float32 [quantities, 9], ascending. A value is in bin i when it is above exactly i edges. */
  readonly edges: Float32Array;
  /** float64 [quantities, 9]: the least and the greatest share of the reference at or below each edge. */
  readonly least: Float64Array;
  readonly greatest: Float64Array;
}

/** What drift of a version is counted by and measured against. */
export interface ReferenceBins {
  /** Dies that the reference was taken from. */
  readonly dies: number;
  readonly parameters: Bins;
  /** float32 [parameters]: what is subtracted from a value, and what it is then divided by, before it is summed. */
  readonly means: Float32Array;
  readonly scales: Float32Array;
  /** float64 [parameters], as in reference.json. */
  readonly standardDeviations: Float64Array;
  readonly missingRates: Float64Array;
  readonly score: Bins;
}

/** The bins of a version's reference. */
export function referenceBins({ dies, parameters, score }: Reference): ReferenceBins {
  return {
    dies,
    parameters: binsOf(parameters.map(({ edges }) => edges)),
    means: Float32Array.from(parameters, ({ mean }) => mean),
    scales: Float32Array.from(parameters, ({ standardDeviation }) =>
      Math.fround(standardDeviation) > 0 ? standardDeviation : 1,
    ),
    standardDeviations: Float64Array.from(parameters, ({ standardDeviation }) => standardDeviation),
    missingRates: Float64Array.from(parameters, ({ missingRate }) => missingRate),
    score: binsOf([score.edges]),
  };
}

/**
 * Edges in float32, as the values are, so that a value that equals an edge is found equal.
 *
 * Where percentiles coincide, one value holds their mass and the deciles do not say how much of the
 * rest lies below and above: for the 30th to 60th percentile in one value, 20% to 30% lie below it and
 * 60% to 70% at or below. The first of the tied edges is moved to the next smaller float32, so that the
 * value has a bin of its own, and the shares are kept as intervals: drift is what no reference within
 * them explains. An untied edge stands for its percentile exactly.
 */
function binsOf(quantities: readonly (readonly number[])[]): Bins {
  const edges = Float32Array.from(quantities.flat());
  const least = new Float64Array(edges.length);
  const greatest = new Float64Array(edges.length);
  for (let from = 0; from < edges.length; from += EDGES) {
    for (let first = 0; first < EDGES; ) {
      const value = edges[from + first] ?? 0;
      let last = first;
      while (last + 1 < EDGES && edges[from + last + 1] === value) last++;
      const tied = last > first;
      for (let i = first; i <= last; i++) {
        const below = tied && i === first;
        least[from + i] = (below ? first : last + 1) / BINS;
        greatest[from + i] = (below ? first + 1 : last + (tied ? 2 : 1)) / BINS;
      }
      if (tied) edges[from + first] = nextBelow(value);
      first = last + 1;
    }
  }
  return { edges, least, greatest };
}

/** The greatest float32 below a finite one. */
function nextBelow(value: number): number {
  const float = Float32Array.of(value === 0 ? 0 : value);
  const bits = new Int32Array(float.buffer);
  if (float[0] === 0) return -1.401298464324817e-45;
  bits[0] = (bits[0] ?? 0) + ((float[0] ?? 0) > 0 ? -1 : 1);
  return float[0] ?? value;
}
