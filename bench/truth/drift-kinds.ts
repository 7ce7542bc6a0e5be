import type { Random } from '../../src/training/random.js';
import { beta, dirichlet } from './wafers.js';

/** What one wafer makes of a parameter: gives the value of one die after the other. */
export type WaferOfParameter = (random: Random) => number;

/** A parameter of some kind: what differs from wafer to wafer is drawn when a wafer begins. */
export type ParameterProcess = (random: Random) => WaferOfParameter;

/** Correlation of two dies of one wafer, as in diegate's own simulator. */
export const CORRELATION = 0.12;

/** What is the same for all dies of a wafer, and what is not, of a normal value of variance 1. */
function normalWafer(random: Random, shift: number): WaferOfParameter {
  const wafer = Math.sqrt(CORRELATION) * random.normal() + shift;
  return (die) => wafer + Math.sqrt(1 - CORRELATION) * die.normal();
}

/** @param shift in standard deviations */
export function continuous(shift = 0): ParameterProcess {
  return (random) => normalWafer(random, shift);
}

/** Values of a step of so many standard deviations, whose decimals a float32 does not hold exactly. */
export function rounded(step: number, shift = 0): ParameterProcess {
  return (random) => {
    const next = normalWafer(random, shift);
    return (die) => 1.2345678 + 0.12345678 * Math.round(next(die) / step);
  };
}

/** Trim codes from 0 to 15. */
export function trimCode(shift = 0): ParameterProcess {
  return (random) => {
    const next = normalWafer(random, shift);
    return (die) => Math.min(15, Math.max(0, Math.round(7.5 + 3 * next(die))));
  };
}

/** So many values with these shares over all wafers; those of a wafer are drawn from a Dirichlet distribution. */
export function discrete(shares: readonly number[]): ParameterProcess {
  return (random) => {
    const own = dirichlet(shares, (1 - CORRELATION) / CORRELATION, random);
    return (die) => {
      let left = die.uniform();
      const value = own.findIndex((share) => {
        left -= share;
        return left < 0;
      });
      // The value of a code is any; these are no short decimals.
      return 0.7654321 * (value < 0 ? own.length - 1 : value);
    };
  };
}

/** Zero for a share of the dies, else a positive value of long tail. */
export function zeroInflated(zeros: number): ParameterProcess {
  return (random) => {
    const own = beta(zeros, (1 - CORRELATION) / CORRELATION, random);
    const next = normalWafer(random, 0);
    return (die) => (die.chance(own) ? 0 : Math.exp(next(die)));
  };
}

/** A value that a share of the dies lacks. */
export function missing(share: number): ParameterProcess {
  return (random) => {
    const own = beta(share, (1 - CORRELATION) / CORRELATION, random);
    const next = normalWafer(random, 0);
    return (die) => (die.chance(own) ? Number.NaN : next(die));
  };
}

/** The value that all dies have. */
export function constant(): ParameterProcess {
  return () => () => 1;
}
