import type { Random } from '../../src/training/random.js';

/** A process whose wafers differ: the fail rate of each is drawn from a beta distribution. */
export interface WaferProcess {
  /** Mean fail rate, above 0 and below 1. */
  readonly rate: number;
  /** Correlation of the fails of two dies of one wafer, 0 (independent dies) to 1. */
  readonly correlation: number;
  readonly dies: number;
}

/** The fails of one wafer, beta-binomial: die by die, in the order in which they are tested. */
export function waferOf({ rate, correlation, dies }: WaferProcess, random: Random): boolean[] {
  const own = correlation === 0 ? rate : beta(rate, (1 - correlation) / correlation, random);
  return Array.from({ length: dies }, () => random.chance(own));
}

/** A share whose mean is known. @param precision sum of both shapes */
export function beta(mean: number, precision: number, random: Random): number {
  const fails = gamma(mean * precision, random);
  return fails / (fails + gamma((1 - mean) * precision, random));
}

/** Shares that sum to 1, whose means are known. @param precision sum of all shapes */
export function dirichlet(means: readonly number[], precision: number, random: Random): number[] {
  const parts = means.map((mean) => gamma(mean * precision, random));
  const sum = parts.reduce((a, b) => a + b, 0);
  return parts.map((part) => part / sum);
}

/** Marsaglia and Tsang (2000); a shape below 1 by the power of a uniform. */
function gamma(shape: number, random: Random): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - random.uniform()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}
