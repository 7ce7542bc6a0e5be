import { CELLS } from './counts.js';
import { BINS } from './reference-bins.js';
import type { WindowDies } from './window.js';

/** Steps with dies from which on it can be said how much a mean wanders from step to step. */
export const MINIMUM_STEPS = 6;

/**
 * How many squared standard errors of the mean are taken off a stability index before drift is declared:
 * 4.5 standard errors, as hundreds of parameters are looked at every few minutes, and the error itself is
 * known from a dozen steps only.
 */
const SQUARED_ERRORS = 20;

/**
 * What a stability index may owe to the wafers: dies of one wafer resemble each other, so the mean over
 * an hour wanders by far more than so many independent dies would let it, and a mean that is off by d
 * standard deviations alone gives an index of about d². For each parameter this is 20 squared standard
 * errors of its mean over the window, taken from how the mean changes from one step to the next (mean square
 * successive difference, J. von Neumann et al., Annals of Mathematical Statistics 12 (1941) 153-162: a slow
 * creep, which is what is sought, hardly adds to it). A parameter is given no less than the average of
 * all, as a dozen steps may resemble each other by luck.
 *
 * What stays the same for the whole window is not in it: one lot that differs looks like drift until the
 * window holds several.
 * @returns float64 [parameters]; infinite with fewer than `MINIMUM_STEPS` steps
 */
export function wander({ total, steps }: WindowDies): Float64Array {
  const allowances = new Float64Array(total.parameters);
  const filled = steps.filter(({ sampled }) => sampled > 0);
  if (filled.length < MINIMUM_STEPS) return allowances.fill(Number.POSITIVE_INFINITY);
  let sum = 0;
  for (let p = 0; p < allowances.length; p++) {
    let [squares, differences, values] = [0, 0, 0];
    let before = Number.NaN;
    for (const { sampled, cells, sums } of filled) {
      const measured = sampled - (cells[p * CELLS + BINS] ?? 0);
      if (measured === 0) continue;
      values++;
      const mean = (sums[p] ?? 0) / measured;
      if (!Number.isNaN(before)) {
        squares += (mean - before) ** 2;
        differences++;
      }
      before = mean;
    }
    const allowance = differences === 0 ? 0 : (SQUARED_ERRORS * squares) / (2 * differences * values);
    allowances[p] = allowance;
    // A few that leap about must not silence all others.
    sum += Math.min(allowance, 1);
  }
  const average = sum / allowances.length;
  return allowances.map((allowance) => Math.max(allowance, average));
}
