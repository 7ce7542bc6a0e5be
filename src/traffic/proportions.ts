import { normalUpperQuantile, normalUpperTail } from '../statistics/normal.js';

/** An estimate with its confidence interval, low <= value <= high. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** What a comparison of two proportions shows. */
export interface ProportionTest {
  /** Standardised difference, second minus first; 0 where both are 0 or both are 1. */
  readonly z: number;
  /** Two-sided: how likely a difference at least as large is, if there is none in truth. */
  readonly pValue: number;
}

/** Standard normal quantile of a two-sided interval: 1.96 for a significance of 0.05. */
export function zOf(significance: number): number {
  return normalUpperQuantile(significance / 2);
}

/** Score interval of a proportion (Wilson 1927), `count` of `total`; undefined of nothing. */
export function wilson(count: number, total: number, z: number): Interval | undefined {
  if (total === 0) return undefined;
  const value = count / total;
  const square = (z * z) / total;
  const centre = (value + square / 2) / (1 + square);
  const half = (z * Math.sqrt((value * (1 - value)) / total + square / (4 * total))) / (1 + square);
  // At the ends the limit is the estimate itself, which rounding would miss.
  return {
    value,
    low: count === 0 ? 0 : Math.min(value, centre - half),
    high: count === total ? 1 : Math.max(value, centre + half),
  };
}

/**
 * Interval of `to` - `from` from an interval of each, of independent samples: square and add. Of two Wilson
 * intervals it is method 10 of Newcombe (1998); Zou and Donner (2008) give it for any two estimates.
 */
export function differenceOf(from: Interval, to: Interval): Interval {
  const value = to.value - from.value;
  return {
    value,
    low: value - Math.hypot(to.value - to.low, from.high - from.value),
    high: value + Math.hypot(to.high - to.value, from.value - from.low),
  };
}

/** Two-proportion z-test with pooled variance, two-sided; undefined where a sample is empty. */
export function twoProportionTest(
  from: { readonly count: number; readonly total: number },
  to: { readonly count: number; readonly total: number },
): ProportionTest | undefined {
  if (from.total === 0 || to.total === 0) return undefined;
  const pooled = (from.count + to.count) / (from.total + to.total);
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / from.total + 1 / to.total));
  if (deviation === 0) return { z: 0, pValue: 1 };
  const z = (to.count / to.total - from.count / from.total) / deviation;
  return { z, pValue: 2 * normalUpperTail(Math.abs(z)) };
}
