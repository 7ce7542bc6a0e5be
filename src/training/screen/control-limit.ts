/** The control limit and what stands behind it. */
export interface ControlLimit {
  /** φ above this is an alarm. */
  readonly limit: number;
  /** Good dies it was taken from. */
  readonly dies: number;
  /** Which of their values, ascending, from 1. */
  readonly rank: number;
  /** False-alarm rate that the rank guarantees for dies exchangeable with these: at most this. */
  readonly guaranteedRate: number;
}

/**
 * Kept between the limit and the die it was taken from, relative: so that float32 rounding in the
 * graph cannot decide on that very die.
 */
export const LIMIT_MARGIN = 1e-3;

/**
 * Control limit from the index φ of good dies that were not fitted to: the ⌈(n + 1)(1 - rate)⌉-th
 * smallest (split conformal prediction: Vovk et al. 2005; Laxhammar 2014). A further good die exceeds
 * it with a probability of at most `rate`, whatever the distribution of φ, if it is exchangeable with
 * these. With fewer than 1/rate - 1 dies no value can promise that: then it is the largest one.
 */
export function controlLimit(index: Float64Array, rate: number): ControlLimit {
  const dies = index.length;
  const rank = rankOf(dies, rate);
  return {
    limit: empiricalLimit(index, rate) * (1 + LIMIT_MARGIN),
    dies,
    rank,
    guaranteedRate: 1 - rank / (dies + 1),
  };
}

/** The value that at most `rate` of further good dies are expected to exceed. */
export function empiricalLimit(values: Float64Array, rate: number): number {
  return values.toSorted()[rankOf(values.length, rate) - 1];
}

/** Which of the values of so many dies, ascending from 1, is the limit. */
export function rankOf(dies: number, rate: number): number {
  return Math.min(dies, Math.ceil((dies + 1) * (1 - rate)));
}
