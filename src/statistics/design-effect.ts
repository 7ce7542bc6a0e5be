import { normalUpperQuantile } from './normal.js';
import { studentUpperQuantile } from './student.js';

/** How what is counted of dies spreads between clusters of them (wafers, as a rule). */
export interface Spread {
  /** Clusters that have any die. */
  readonly clusters: number;
  /** Clusters in which the rarer of the two is seen at all: what is counted, or what is not. */
  readonly showing: number;
  readonly diesACluster: number;
  /** Variance over that of as many independent dies, not below 1. */
  readonly effect: number;
}

/** Nothing of nothing. */
export const NO_SPREAD: Spread = { clusters: 0, showing: 0, diesACluster: 0, effect: 1 };

/** Fewest clusters from which the spread between them is known at all. */
export const LEAST_CLUSTERS = 2;

/**
 * Correlation of two dies of one wafer that is taken for possible as long as hardly a wafer shows what is
 * counted: that of diegate's own simulator, whose wafers differ much.
 */
const POSSIBLE_CORRELATION = 0.12;

/**
 * By how much to divide dies, so that intervals for independent dies hold at this (two-sided) significance.
 *
 * The largest design effect (Kish 1965) of the spreads is taken for all: a version with few wafers cannot show by
 * itself how much wafers differ. That it is an estimate widens the interval as Student's t does, with the clusters
 * that show anything less one for each: those that show nothing say little of a spread. Where only some show it, that
 * is not enough, as the wafer that would show most is likely to be still missing: at least the effect of
 * {@link POSSIBLE_CORRELATION} over the square of their number is taken.
 *
 * @param widen {@link wideningOf}, or one that remembers it for who asks of many
 * @returns undefined where a spread has one cluster: nothing is known then
 */
export function effectOf(
  spreads: readonly Spread[],
  significance: number,
  widen: (significance: number, freedom: number) => number = wideningOf,
): number | undefined {
  if (spreads.some(({ clusters }) => clusters < LEAST_CLUSTERS)) return undefined;
  const showing = spreads.reduce((sum, spread) => sum + spread.showing, 0);
  const least = Math.max(...spreads.map(({ diesACluster }) => leastEffect(diesACluster, showing)));
  const freedom = freedomOf(spreads);
  if (freedom === 0) return least;
  const widening = widen(significance, freedom);
  return Math.max(least, Math.max(...spreads.map(({ effect }) => effect)) * widening * widening);
}

/** Degrees of freedom of the largest effect of the spreads; 0 where none shows anything. */
export function freedomOf(spreads: readonly Spread[]): number {
  return spreads.reduce((sum, { showing }) => sum + (showing === 0 ? 0 : Math.max(1, showing - 1)), 0);
}

/** Student's quantile over the normal one, both two-sided. */
export function wideningOf(significance: number, freedom: number): number {
  const some = Math.min(freedom, MOST_FREEDOM);
  return studentUpperQuantile(significance / 2, some) / normalUpperQuantile(significance / 2);
}

// From here on Student's t is the normal distribution to a thousandth, and takes long.
const MOST_FREEDOM = 1000;

/**
 * Dies of a cluster over the independent dies that say as much by showing nothing. In a beta-binomial cluster the
 * k-th die without it makes the next one more likely to be without it too: to the first order in the share its
 * logarithm of the likelihood is that of sum of 1 / (1 + k·r / (1 - r)) independent dies, r the correlation.
 */
function leastEffect(diesACluster: number, showing: number): number {
  const correlation = POSSIBLE_CORRELATION / Math.max(1, showing) ** 2;
  const odds = correlation / (1 - correlation);
  // The sum from k = 0 to n - 1 as an integral from -1/2 to n - 1/2.
  const independent = Math.log((1 + (diesACluster - 0.5) * odds) / (1 - 0.5 * odds)) / odds;
  return Math.max(1, diesACluster / independent);
}
