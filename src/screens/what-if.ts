/** A die as a screen scored it, and what is known of it. */
export interface JudgedDie {
  /** Undefined where the screen could not judge it. */
  readonly score: number | undefined;
  /** What the tester said. */
  readonly passing: boolean;
  /** What a later insertion said of a die that passed; undefined where nobody knows. */
  readonly later: 'pass' | 'fail' | undefined;
}

/** What one wrong decision costs, in any one unit. */
export interface DecisionCosts {
  /** A die that passes here and fails later. */
  readonly escape: number;
  /** A die that is given up and would not have failed later. */
  readonly overkill: number;
}

/** What a screen would have done at one threshold. */
export interface WhatIfPoint {
  readonly threshold: number;
  /** Dies that the tester passed and the screen gives up, and how many it judged. */
  readonly givenUp: number;
  readonly passing: number;
  /** Dies that the tester failed, which the screen finds without its verdict. */
  readonly caught: number;
  readonly failing: number;
  /** Dies that failed later, which the screen would have given up before. */
  readonly escapesCaught: number;
  readonly escapes: number;
  /** Escapes that it lets pass and good dies that it gives up, at their costs. */
  readonly cost: number;
}

/** Shares of passing dies given up that thresholds are taken at, beside the screen's own. */
export const SHARES_GIVEN_UP = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05] as const;

/** The screen at one threshold: a die above it is given up. Dies that it could not judge pass it and are not counted. */
export function whatIf(dies: readonly JudgedDie[], threshold: number, costs: DecisionCosts): WhatIfPoint {
  const judged = dies.filter(({ score }) => score !== undefined);
  const isAbove = ({ score = Number.NEGATIVE_INFINITY }: JudgedDie) => score > threshold;
  const passing = judged.filter((die) => die.passing);
  const failing = judged.filter((die) => !die.passing);
  // An escape that no screen could judge has escaped all the same.
  const escapes = dies.filter((die) => die.passing && die.later === 'fail');
  const escapesCaught = escapes.filter(isAbove).length;
  const givenUp = passing.filter(isAbove).length;
  return {
    threshold,
    givenUp,
    passing: passing.length,
    caught: failing.filter(isAbove).length,
    failing: failing.length,
    escapesCaught,
    escapes: escapes.length,
    cost: (escapes.length - escapesCaught) * costs.escape + (givenUp - escapesCaught) * costs.overkill,
  };
}

/** Thresholds at which the shares of {@link SHARES_GIVEN_UP} of the passing dies would be given up, at most; highest first. */
export function thresholdsFor(dies: readonly JudgedDie[]): number[] {
  const scores = dies
    .flatMap(({ score, passing }) => (score !== undefined && passing ? [score] : []))
    .sort((a, b) => b - a);
  if (scores.length === 0) return [];
  // The die at the threshold itself is not above it.
  const found = SHARES_GIVEN_UP.map((share) => scores[Math.floor(share * scores.length)]);
  return [...new Set(found)];
}
