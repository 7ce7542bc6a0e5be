import { type CombinedShares, intervalOfShares, timesAsMany } from '../../statistics/combined-shares.js';
import type { Interval } from '../../statistics/proportions.js';

/**
 * - `holds`: the whole interval keeps the bound
 * - `missed`: the whole interval lies beyond it
 * - `open`: neither: these dies cannot tell
 */
export type GateVerdict = 'holds' | 'missed' | 'open';

/** What a figure may be at most, or has to be at least, in the figure's own unit. */
export type FigureBound = { readonly most: number } | { readonly least: number };

/** Dies like these that would settle an open bound, if the figure stays what it is. */
interface NeededDies {
  /** How many times as many as these. */
  readonly times: number;
}

/** A figure held against its bound. */
export interface BoundFinding {
  readonly verdict: GateVerdict;
  /** Undefined where nothing is known of it: without dies, or with dies of one wafer. */
  readonly interval: Interval | undefined;
  /** Of an open bound; undefined where no number of dies settles it, and where more wafers have to show it first. */
  readonly needed: NeededDies | undefined;
}

// Figures are computed from counts of dies: what is equal on paper must not fail in the sixteenth digit.
const ROUNDING = 1e-11;

/** @param significance of the interval, two-sided */
export function holdToBound(figure: CombinedShares, bound: FigureBound, significance: number): BoundFinding {
  const interval = intervalOfShares(figure, significance);
  const verdict = verdictOf(interval, bound);
  const needed =
    verdict === 'open' && interval !== undefined ? neededFor(figure, bound, significance) : undefined;
  return { verdict, interval, needed };
}

function verdictOf(interval: Interval | undefined, bound: FigureBound): GateVerdict {
  if (interval === undefined) return 'open';
  const { low, high } = interval;
  if ('most' in bound) {
    if (high <= bound.most + ROUNDING) return 'holds';
    return low > bound.most + ROUNDING ? 'missed' : 'open';
  }
  if (low >= bound.least - ROUNDING) return 'holds';
  return high < bound.least - ROUNDING ? 'missed' : 'open';
}

/** Beyond so many times the dies nobody will have them. */
const MOST_TIMES = 10_000;

/** The least number of times as many dies whose interval does not hold the bound any more, to a twentieth. */
function neededFor(figure: CombinedShares, bound: FigureBound, significance: number): NeededDies | undefined {
  const settles = (times: number) =>
    verdictOf(intervalOfShares(timesAsMany(figure, times), significance), bound) !== 'open';
  let high = 2;
  while (!settles(high)) {
    high *= 2;
    if (high > MOST_TIMES) return undefined;
  }
  let low = high / 2;
  while (high - low > 0.05 * low) {
    const middle = (low + high) / 2;
    if (settles(middle)) high = middle;
    else low = middle;
  }
  return { times: high };
}

/** Shares in percent, drops and rises in points (hundredths). */
export interface GateLimits {
  readonly maxAccuracyDrop: number;
  readonly minAccuracy: number;
  readonly maxDetectionDrop: number;
  readonly minDetection: number;
  readonly maxFalseAlarmRise: number;
  readonly maxFalseAlarms: number;
  /** What a group may lose, which has fewer dies to show it by. */
  readonly maxGroupAccuracyDrop: number;
  readonly maxGroupDetectionDrop: number;
  /** Percent of what the baseline's wrong decisions cost. */
  readonly maxCostRise: number;
  readonly maxP99Ms: number;
  readonly minSamples: number;
  /** Of every interval, two-sided: 0.05 for 95%. */
  readonly significance: number;
}

/** One quality gate: what was required, what was found, and in a sentence why it holds, is missed or stays open. */
export interface Gate {
  readonly gate:
    | 'accuracy'
    | 'least accuracy'
    | 'detection'
    | 'least detection'
    | 'false alarm rise'
    | 'false alarms'
    | 'groups'
    | 'cost'
    | 'latency'
    | 'samples';
  readonly verdict: GateVerdict;
  readonly measured: number;
  /** Interval of `measured`, in its unit; left out where it has none. */
  readonly interval?: Pick<Interval, 'low' | 'high'>;
  readonly required: number;
  /** About how many dies (and wafers) like these would settle an open gate; left out where nobody can say. */
  readonly needed?: { readonly dies: number; readonly wafers?: number };
  readonly reason: string;
}
