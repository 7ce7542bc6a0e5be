import { normalUpperQuantile, normalUpperTail } from './normal.js';
import { studentUpperTail } from './student.js';

/** An estimate with its confidence interval, low <= value <= high. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
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

/**
 * Interval of `to` / `from` from an interval of each, of independent samples (Donner and Zou 2012, the method
 * of variance estimates recovery for a ratio). Where `from` is 0 the ratio has no estimate (NaN) and no upper
 * limit.
 */
export function ratioOf(from: Interval, to: Interval): Interval {
  return {
    value: to.value / from.value,
    low: ratioLimit(from.value, to.value, to.low, from.high, -1),
    high: from.low === 0 ? Number.POSITIVE_INFINITY : ratioLimit(from.value, to.value, to.high, from.low, 1),
  };
}

function ratioLimit(from: number, to: number, limitOfTo: number, limitOfFrom: number, side: 1 | -1): number {
  const product = from * to;
  // Below 0 by a rounding only.
  const reach = Math.max(
    0,
    product ** 2 - limitOfTo * limitOfFrom * (2 * to - limitOfTo) * (2 * from - limitOfFrom),
  );
  const below = limitOfFrom * (2 * from - limitOfFrom);
  if (below === 0) return limitOfTo === 0 ? 0 : limitOfTo / (2 * from);
  return Math.max(0, (product + side * Math.sqrt(reach)) / below);
}

/** Student's t-test of two shares, second minus first. */
export interface ShareTest {
  /** The difference over its standard error. */
  readonly z: number;
  /** Two-sided: how likely a difference at least as large is, if there is none in truth. */
  readonly pValue: number;
}

/** Dies of which some are marked. */
interface Share {
  readonly count: number;
  readonly total: number;
}

// Below it the normal approximation of a count is no longer one (Cochran 1954).
const LEAST_EXPECTED = 5;

/**
 * Tests two shares whose dies are alike within wafers: the pooled two-proportion test with its variance
 * multiplied by the design effect, against Student's t.
 *
 * @param effect variance over that of independent dies, not widened
 * @param freedom of the effect; 0 for independent dies
 * @returns undefined where either share expects fewer than five marked or unmarked dies
 */
export function shareTest(from: Share, to: Share, effect: number, freedom: number): ShareTest | undefined {
  const pooled = (from.count + to.count) / (from.total + to.total);
  const least = (Math.min(from.total, to.total) * Math.min(pooled, 1 - pooled)) / effect;
  if (!(least >= LEAST_EXPECTED)) return undefined;
  const deviation = Math.sqrt(effect * pooled * (1 - pooled) * (1 / from.total + 1 / to.total));
  const z = (to.count / to.total - from.count / from.total) / deviation;
  const tail = freedom === 0 ? normalUpperTail(Math.abs(z)) : studentUpperTail(Math.abs(z), freedom);
  return { z, pValue: 2 * tail };
}
