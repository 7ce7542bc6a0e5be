import { countingEdges } from '../models/manifest/counting-edges.js';
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
  /**
   * Whether the shares are those of the reference's own dies, passing and failing. An older reference knows
   * deciles of passing dies: its shares are intervals.
   */
  readonly exact: boolean;
  /** Dies that the shares were taken from. */
  readonly dies: number;
  /** Wafers that they come from; undefined where that is not known. */
  readonly wafers: number | undefined;
  readonly parameters: Bins;
  /** float64 [parameters, 10]: shares of the bins of measured dies; the middle of what is known where they are intervals. */
  readonly shares: Float64Array;
  /** float32 [parameters]: what is subtracted from a value, and what it is then divided by, before it is summed. */
  readonly means: Float32Array;
  readonly scales: Float32Array;
  /** float64 [parameters], as in reference.json. */
  readonly standardDeviations: Float64Array;
  readonly missingRates: Float64Array;
  readonly stoppedRates: Float64Array;
  /** float64 [parameters]: dies that stopped before the parameter and after all that come before it. */
  readonly stops: Float64Array;
  /**
   * float64 [parameters]: what the reference's own wafers may make of an index, no less than the average of all, as
   * a few wafers may resemble each other by luck; 0 where it does not say.
   */
  readonly waferSpreads: Float64Array;
  readonly score: Bins;
  /** Dies that the score's shares were taken from. */
  readonly scoreDies: number;
}

/** The bins of a version's reference. */
export function referenceBins({ dies, allDies, wafers, parameters, score }: Reference): ReferenceBins {
  const bins = binsOf(parameters);
  const all = allDies ?? dies;
  return {
    exact: allDies !== undefined,
    dies: all,
    wafers,
    parameters: bins,
    shares: middleShares(bins),
    means: Float32Array.from(parameters, ({ mean }) => mean),
    scales: Float32Array.from(parameters, ({ standardDeviation }) =>
      Math.fround(standardDeviation) > 0 ? standardDeviation : 1,
    ),
    standardDeviations: Float64Array.from(parameters, ({ standardDeviation }) => standardDeviation),
    missingRates: Float64Array.from(parameters, ({ missingRate }) => missingRate),
    stoppedRates: Float64Array.from(parameters, ({ stoppedRate = 0 }) => stoppedRate),
    stops: Float64Array.from(
      parameters,
      ({ stoppedRate = 0 }, p) => Math.max(0, stoppedRate - (parameters[p - 1]?.stoppedRate ?? 0)) * all,
    ),
    waferSpreads: noLessThanAverage(Float64Array.from(parameters, ({ waferSpread = 0 }) => waferSpread)),
    score: binsOf([score]),
    scoreDies: score.dies ?? dies,
  };
}

function noLessThanAverage(spreads: Float64Array): Float64Array {
  // A few that differ much must not silence all others.
  const sum = spreads.reduce((total, spread) => total + Math.min(spread, 1), 0);
  return spreads.map((spread) => Math.max(spread, sum / spreads.length));
}

function binsOf(quantities: readonly Pick<Reference['score'], 'edges' | 'shares'>[]): Bins {
  const bins = {
    edges: new Float32Array(quantities.length * EDGES),
    least: new Float64Array(quantities.length * EDGES),
    greatest: new Float64Array(quantities.length * EDGES),
  };
  quantities.forEach(({ edges, shares }, quantity) => {
    const from = quantity * EDGES;
    bins.edges.set(countingEdges(edges), from);
    const [least, greatest] = shares === undefined ? intervalsOf(edges) : [shares, shares];
    bins.least.set(least, from);
    bins.greatest.set(greatest, from);
  });
  return bins;
}

/**
 * What deciles alone say of the shares at or below them. A value that holds up to a fifth of the dies ties no
 * two of them, so that of an edge that stands alone only its neighbours are known: a tenth less and a tenth
 * more than its percentile. Edges are written with seven digits, and a value in float32 may need more; where
 * six are enough nothing was lost, and no less than its percentile lies at or below an edge.
 *
 * Where percentiles coincide, one value holds their mass: for the 30th to 60th percentile in one value, 20% to
 * 30% lie below it (see `countingEdges`) and 60% to 70% at or below.
 */
function intervalsOf(edges: readonly number[]): readonly [least: Float64Array, greatest: Float64Array] {
  const least = new Float64Array(EDGES);
  const greatest = new Float64Array(EDGES);
  const floats = Float32Array.from(edges);
  for (let first = 0; first < EDGES; ) {
    let last = first;
    while (last + 1 < EDGES && floats[last + 1] === floats[first]) last++;
    const whole = Number((edges[first] ?? 0).toPrecision(6)) === edges[first];
    for (let i = first; i <= last; i++) {
      const below = last > first && i === first;
      least[i] = (below || !whole ? first : last + 1) / BINS;
      greatest[i] = (below && whole ? first + 1 : last + 2) / BINS;
    }
    first = last + 1;
  }
  return [least, greatest];
}

function middleShares({ least, greatest }: Bins): Float64Array {
  const shares = new Float64Array((least.length / EDGES) * BINS);
  for (let quantity = 0; quantity < least.length / EDGES; quantity++) {
    let below = 0;
    for (let i = 0; i < BINS; i++) {
      const edge = quantity * EDGES + i;
      const upTo = i === EDGES ? 1 : ((least[edge] ?? 0) + (greatest[edge] ?? 1)) / 2;
      shares[quantity * BINS + i] = Math.max(0, upTo - below);
      below = Math.max(below, upTo);
    }
  }
  return shares;
}
