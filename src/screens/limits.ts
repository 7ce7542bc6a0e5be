import { quantile } from '../statistics/quantile.js';

/**
 * How a test's values lie, by which its limits are set. `few`: too few values. `discrete`: a code of few levels. `coarse`: a number
 * of few levels, which lie about one of them. `modes`: several groups with nothing between them. `bounded`: many values at one end of the range, such as a
 * clamp or 0. `skewed`: one side is wider. `symmetric`: as AEC-Q001 takes all tests to be.
 */
type DistributionShape = 'few' | 'discrete' | 'coarse' | 'modes' | 'bounded' | 'skewed' | 'symmetric';

/** Part average limits of one test over good dies. */
export interface PatLimits {
  readonly shape: DistributionShape;
  /** Good dies with a value. */
  readonly values: number;
  readonly median: number;
  /** (Q3 - Q1) / 1.35, in the unit of the test. */
  readonly sigma: number;
  /** A value below `low` or above `high` is an outlier; undefined where no limit can be set. */
  readonly low: number | undefined;
  readonly high: number | undefined;
}

/** Fewer values than this say nothing of how far good ones reach. */
const MIN_VALUES = 30;

/** AEC-Q001 (Rev-C, 4.1): the quartiles' distance over this is a robust sigma. */
const QUARTILES_PER_SIGMA = 1.35;

/** At most so many levels are a code or a coarse number. */
const MOST_LEVELS = 12;

/** A level, a mode or an end with fewer of the dies than this is not one. */
const MIN_SHARE = 0.05;
const MIN_LEVEL_SHARE = 0.005;

/** A gap of so many sigma of both its sides parts two modes. */
const GAP_SIGMAS = 4;

/**
 * Static or dynamic limits of a test, by the values of good dies (AEC-Q001: robust mean ± `k` robust sigma), with what the
 * shape of the values needs: of skewed ones each side has its own sigma; a side on which values end together is open no
 * further than these; of several modes the lower limit is the lowest mode's, the upper the highest one's; of few levels
 * limits are the outermost levels that good dies have.
 * @param ascending without NaN, sorted
 */
export function patLimits(ascending: Float64Array, k: number): PatLimits {
  const values = ascending.length;
  const [q1, median, q3] = [0.25, 0.5, 0.75].map((q) => quantile(ascending, q));
  const sigma = (q3 - q1) / QUARTILES_PER_SIGMA;
  const facts = { values, median, sigma };
  if (values < MIN_VALUES) return { ...facts, shape: 'few', low: undefined, high: undefined };
  const levels = levelsOf(ascending);
  if (levels !== undefined) {
    const [lowest, highest] = [levels[0].value, levels[levels.length - 1].value];
    if (!areAboutOne(levels)) return { ...facts, shape: 'discrete', low: lowest, high: highest };
    const [low, high] = SIDES.map((side) => limitOf(ascending, side, k));
    return { ...facts, shape: 'coarse', low: Math.min(low, lowest), high: Math.max(high, highest) };
  }
  const modes = modesOf(ascending);
  if (modes.length > 1) {
    const [first, last] = [modes[0], modes[modes.length - 1]];
    return { ...facts, shape: 'modes', low: limitOf(first, 'low', k), high: limitOf(last, 'high', k) };
  }
  const bounds = boundsOf(ascending);
  if (bounds !== undefined) {
    const [low, high] = SIDES.map((side) => bounds[side] ?? limitOf(ascending, side, k));
    return { ...facts, shape: 'bounded', low, high };
  }
  if (isSkewed(ascending)) {
    const [low, high] = SIDES.map((side) => limitOf(ascending, side, k));
    return { ...facts, shape: 'skewed', low, high };
  }
  return { ...facts, shape: 'symmetric', low: median - k * sigma, high: median + k * sigma };
}

/** Whether a value lies beyond the limits; one that is missing does not. */
export function isBeyond(value: number, { low, high }: Pick<PatLimits, 'low' | 'high'>): boolean {
  return (low !== undefined && value < low) || (high !== undefined && value > high);
}

/** The levels that good dies have, ascending, where there are few of them and hardly any other value. */
function levelsOf(ascending: Float64Array): Level[] | undefined {
  const counts = new Map<number, number>();
  for (const value of ascending) {
    counts.set(value, (counts.get(value) ?? 0) + 1);
    if (counts.size > 4 * MOST_LEVELS) return undefined;
  }
  const least = Math.max(2, MIN_LEVEL_SHARE * ascending.length);
  const levels = [...counts].filter(([, count]) => count >= least);
  const covered = levels.reduce((sum, [, count]) => sum + count, 0);
  if (levels.length > MOST_LEVELS || covered < 0.98 * ascending.length) return undefined;
  return levels.map(([value, count]) => ({ value, count })).sort((a, b) => a.value - b.value);
}

interface Level {
  readonly value: number;
  readonly count: number;
}

/** A code may have any level often; of a rounded number counts rise to one level and tail off from it, but for chance. */
function areAboutOne(levels: readonly Level[]): boolean {
  if (levels.length < MIN_ROUNDED_LEVELS) return false;
  const counts = levels.map(({ count }) => count);
  const peak = counts.indexOf(Math.max(...counts));
  if (2 * Math.max(counts[0], counts[counts.length - 1]) > counts[peak]) return false;
  return counts.every((count, i) => {
    if (i === peak) return true;
    const nearer = counts[i < peak ? i + 1 : i - 1];
    return count <= nearer + 3 * Math.sqrt(count + nearer);
  });
}

const MIN_ROUNDED_LEVELS = 4;

const SIDES = ['low', 'high'] as const;

/** The values apart where a gap parts them that is wide beside both sides; each of them ascending. */
function modesOf(ascending: Float64Array): Float64Array[] {
  const least = Math.max(MIN_VALUES / 2, Math.ceil(MIN_SHARE * ascending.length));
  let widest = 0;
  let at = 0;
  for (let i = least; i <= ascending.length - least; i++) {
    const gap = ascending[i] - ascending[i - 1];
    if (gap > widest) [widest, at] = [gap, i];
  }
  if (at === 0) return [ascending];
  const [below, above] = [ascending.subarray(0, at), ascending.subarray(at)];
  if (widest < GAP_SIGMAS * Math.max(spreadOf(below), spreadOf(above))) return [ascending];
  return [...modesOf(below), ...modesOf(above)];
}

function spreadOf(ascending: Float64Array): number {
  return (quantile(ascending, 0.75) - quantile(ascending, 0.25)) / QUARTILES_PER_SIGMA;
}

/** The ends at which many values are one and the same. */
function boundsOf(ascending: Float64Array): { low?: number; high?: number } | undefined {
  const [low, high] = [ascending[0], ascending[ascending.length - 1]];
  const shareOf = (end: number) => ascending.filter((value) => value === end).length / ascending.length;
  const bounds = {
    ...(shareOf(low) >= MIN_SHARE && { low }),
    ...(shareOf(high) >= MIN_SHARE && { high }),
  };
  return Object.keys(bounds).length === 0 ? undefined : bounds;
}

/**
 * Whether one side of the median is wider than the other by more than chance, by the octiles (Moors 1988, Hinkley's
 * generalisation of Bowley's coefficient): 0.1 and three of its standard errors, about 1.6 / √n of a normal distribution.
 */
function isSkewed(ascending: Float64Array): boolean {
  const [low, middle, high] = [1 / 8, 1 / 2, 7 / 8].map((q) => quantile(ascending, q));
  const skew = (high + low - 2 * middle) / (high - low);
  return Math.abs(skew) > Math.max(0.1, (3 * 1.6) / Math.sqrt(ascending.length));
}

/** Standard normal quantiles of 0.75 and 0.95. */
const AT_QUARTILE = 0.6745;
const AT_TWENTIETH = 1.6449;

/** Median and `k` sigma of one side: the wider of what its quartile and its outer twentieth say. */
function limitOf(ascending: Float64Array, side: 'low' | 'high', k: number): number {
  const median = quantile(ascending, 0.5);
  const distance = (q: number) => Math.abs(quantile(ascending, side === 'low' ? 1 - q : q) - median);
  const sigma = Math.max(distance(0.75) / AT_QUARTILE, distance(0.95) / AT_TWENTIETH);
  return side === 'low' ? median - k * sigma : median + k * sigma;
}
