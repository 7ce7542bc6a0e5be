import { CELLS, type DriftCounts } from './counts.js';
import { BINS, type ReferenceBins } from './reference-bins.js';
import type { WindowDies } from './window.js';

/** Steps with dies from which on it can be said how much a mean wanders from step to step. */
export const MINIMUM_STEPS = 6;

/**
 * How many squared standard errors are taken off a stability index before drift is declared: 4.5 standard
 * errors, as hundreds of parameters are looked at every few minutes, and the error itself is known from a dozen
 * steps only.
 */
export const SQUARED_ERRORS = 20;

/**
 * What a stability index may owe to the wafers: dies of one wafer resemble each other, so the mean over
 * an hour wanders by far more than so many independent dies would let it, and a mean that is off by d
 * standard deviations alone gives an index of about d². For each parameter this is 20 squared standard
 * errors of its mean over the window, taken from how the mean changes from one step to the next (mean square
 * successive difference, J. von Neumann et al., Annals of Mathematical Statistics 12 (1941) 153-162: a slow
 * creep, which is what is sought, hardly adds to it). The mean is that of the dies' places in the reference
 * (see `MeanPlaces`), so that a few values far out do not drown it. A parameter is given no less than the average of
 * all, as a dozen steps may resemble each other by luck.
 *
 * What stays the same for the whole window is not in it: one lot that differs looks like drift until the
 * window holds several.
 * @returns float64 [parameters]; infinite with fewer than `MINIMUM_STEPS` steps
 */
export function wander({ total, steps }: WindowDies, places: MeanPlaces): Float64Array {
  const allowances = new Float64Array(total.parameters);
  const filled = steps.filter(({ sampled }) => sampled > 0);
  if (filled.length < MINIMUM_STEPS) return allowances.fill(Number.POSITIVE_INFINITY);
  const underWay = steps.at(-1);
  const means = filled.map((counts) => places.of(counts, counts !== underWay));
  const average = allow(means, allowances) / allowances.length;
  for (let p = 0; p < allowances.length; p++) allowances[p] = Math.max(allowances[p] ?? 0, average);
  return allowances;
}

/**
 * Fills what each parameter is allowed by how its mean place changes from step to step.
 * @returns their sum
 */
function allow(means: readonly Float64Array[], allowances: Float64Array): number {
  let sum = 0;
  for (let p = 0; p < allowances.length; p++) {
    let [squares, values] = [0, 0];
    let before = 0;
    for (const ofStep of means) {
      const mean = ofStep[p] ?? Number.NaN;
      // No die of the step has a value.
      if (Number.isNaN(mean)) continue;
      if (values++ > 0) squares += (mean - before) * (mean - before);
      before = mean;
    }
    const allowance = values < 2 ? 0 : (SQUARED_ERRORS * squares) / (2 * (values - 1) * values);
    allowances[p] = allowance;
    // A few that leap about must not silence all others.
    sum += Math.min(allowance, 1);
  }
  return sum;
}

/** The mean place of each parameter in counted dies, kept for steps that have ended. */
export class MeanPlaces {
  readonly #scores: Float64Array;
  readonly #kept = new WeakMap<DriftCounts, Float64Array>();

  constructor(reference: ReferenceBins) {
    this.#scores = placesOf(reference);
  }

  /**
   * @param ended whether nothing is added to these counts any more
   * @returns float64 [parameters]; NaN where no die has a value
   */
  of(counts: DriftCounts, ended: boolean): Float64Array {
    const known = this.#kept.get(counts);
    if (known !== undefined) return known;
    const means = meanPlaces(counts, this.#scores);
    if (ended) this.#kept.set(counts, means);
    return means;
  }
}

/** One loop over arrays at hand: it is run for every equipment and step. */
function meanPlaces({ parameters, cells }: DriftCounts, scores: Float64Array): Float64Array {
  const means = new Float64Array(parameters);
  for (let p = 0; p < parameters; p++) {
    let [dies, sum] = [0, 0];
    for (let i = 0; i < BINS; i++) {
      const inBin = cells[p * CELLS + i] ?? 0;
      dies += inBin;
      sum += inBin * (scores[p * BINS + i] ?? 0);
    }
    means[p] = dies === 0 ? Number.NaN : sum / dies;
  }
  return means;
}

/**
 * What an index may owe to the wafers whatever it is that they differ in: the share of zeros, of one trim code, of
 * missing values. 20 times the variance of each share, by how it changes from step to step, over the share itself,
 * less what independent dies would show. Only worth its time for a parameter that is about to be called drifting.
 * @param dies the window's, and of each step, that reached the parameter
 */
export function wanderOfShares(
  { total, steps }: WindowDies,
  reached: (counts: DriftCounts) => number,
  p: number,
): number {
  const sizes = steps.map(reached);
  const filled = steps.filter((_, i) => (sizes[i] ?? 0) > 0);
  const dies = sizes.filter((size) => size > 0);
  if (filled.length < 2) return Number.POSITIVE_INFINITY;
  const all = Math.max(1, reached(total));
  let [spread, bins] = [0, 0];
  for (let i = 0; i < CELLS; i++) {
    const share = (total.cells[p * CELLS + i] ?? 0) / all;
    if (share === 0) continue;
    bins++;
    let squares = 0;
    for (let step = 1; step < filled.length; step++) {
      const shareAt = (at: number) => (filled[at]?.cells[p * CELLS + i] ?? 0) / (dies[at] ?? 1);
      squares += (shareAt(step) - shareAt(step - 1)) ** 2;
    }
    spread += squares / (2 * (filled.length - 1) * filled.length * share);
  }
  const independent = ((bins - 1) * dies.reduce((sum, size) => sum + 1 / size, 0)) / filled.length ** 2;
  return SQUARED_ERRORS * Math.max(0, spread - independent);
}

/**
 * Where the dies of each bin stand in the reference, as standard scores: the middle of the bin's ranks, with mean 0 and
 * variance 1 over the reference (ridits, I. Bross, Biometrics 14 (1958) 18-38). A normal distribution whose mean moves by
 * d standard deviations moves the mean place by 0.98 d.
 * @returns float64 [parameters, 10]
 */
function placesOf({ shares }: ReferenceBins): Float64Array {
  const scores = new Float64Array(shares.length);
  for (let from = 0; from < shares.length; from += BINS) {
    let [below, squares] = [0, 0];
    for (let i = from; i < from + BINS; i++) {
      const share = shares[i] ?? 0;
      const place = below + share / 2 - 0.5;
      scores[i] = place;
      squares += share * place * place;
      below += share;
    }
    // Of a value that all dies have nothing else is known than that others are elsewhere.
    const deviation = Math.max(Math.sqrt(squares), LEAST_DEVIATION);
    for (let i = from; i < from + BINS; i++) scores[i] = (scores[i] ?? 0) / deviation;
  }
  return scores;
}

/** Of a share of 1% that stands apart from all others. */
const LEAST_DEVIATION = 0.05;
