import type { Calibration } from '../../models/manifest/outputs-schema.js';
import { quantile } from '../../statistics/quantile.js';
import { exp, log } from '../portable-math.js';

/** Fewer labelled defects than this say too little about probabilities. */
export const MIN_DEFECTS = 5;

/** Without labelled defects: the probability of a defect that a typical good die is given. */
const NOMINAL_MEDIAN_PROBABILITY = 0.01;

interface CalibrationInput {
  /** Scores of passing and of defective dies, none of them fitted to. */
  readonly passing: Float64Array;
  readonly defective: Float64Array;
  /** Share of defective dies among those that will be tested, 0 to 1. */
  readonly baseRate: number;
}

/**
 * Probability of a defect as a logistic function of ln(score) (Platt 1999, with his targets that
 * keep separable data finite). The dies are weighted so that defects are as frequent as `baseRate`
 * says, whatever their share of the dies given. With too few labelled defects, or scores that do not
 * clearly rise with them (slope within two standard errors of 0), nominal: 0.5 at the threshold and 1% for the median good die.
 */
export function calibrate(input: CalibrationInput): Calibration {
  const fitted = input.defective.length >= MIN_DEFECTS ? fitLogistic(input) : undefined;
  if (fitted !== undefined && fitted.slope > 2 * fitted.slopeError) {
    const { slope, intercept } = fitted;
    return {
      method: 'logistic-log-score',
      slope: roundTo(slope),
      intercept: roundTo(intercept),
      basis: 'labelled',
    };
  }
  const median = quantile(input.passing.toSorted(), 0.5);
  const odds = log((1 - NOMINAL_MEDIAN_PROBABILITY) / NOMINAL_MEDIAN_PROBABILITY);
  const slope = median < 1 ? odds / -logScore(median) : odds;
  return { method: 'logistic-log-score', slope: roundTo(slope), intercept: 0, basis: 'nominal' };
}

/** Probability that a die of this score is defective. */
function calibratedProbability({ slope, intercept }: Calibration, score: number): number {
  return 1 / (1 + exp(-(slope * logScore(score) + intercept)));
}

/** Mean squared difference between that probability and the truth (Brier 1950); 0 is perfect. */
export function brierScore(calibration: Calibration, passing: Float64Array, defective: Float64Array): number {
  let total = 0;
  for (const score of passing) total += square(calibratedProbability(calibration, score));
  for (const score of defective) total += square(1 - calibratedProbability(calibration, score));
  return total / (passing.length + defective.length);
}

interface WeightedDie {
  readonly x: number;
  readonly target: number;
  readonly weight: number;
}

interface FittedLogistic {
  readonly slope: number;
  readonly intercept: number;
  /** Standard error of the slope, from the curvature of the likelihood. */
  readonly slopeError: number;
}

/** Newton's method on the weighted log likelihood; undefined where it finds no maximum. */
function fitLogistic(input: CalibrationInput): FittedLogistic | undefined {
  const dies = weightedDies(input);
  let slope = 0;
  let intercept = log(input.baseRate / (1 - input.baseRate));
  for (let step = 0; step < 100; step++) {
    const { gradientSlope, gradientIntercept, hessian } = derivatives(dies, slope, intercept);
    const [ss, si, ii] = hessian;
    const determinant = ss * ii - si * si;
    if (!(determinant > 0)) return undefined;
    const slopeStep = (ii * gradientSlope - si * gradientIntercept) / determinant;
    const interceptStep = (ss * gradientIntercept - si * gradientSlope) / determinant;
    // Full steps overshoot on nearly separable data: never move further than this at once.
    const damping = Math.min(1, 2 / Math.max(Math.abs(slopeStep), Math.abs(interceptStep)));
    slope += damping * slopeStep;
    intercept += damping * interceptStep;
    if (Math.abs(slopeStep) + Math.abs(interceptStep) < 1e-10) {
      return { slope, intercept, slopeError: Math.sqrt(ii / determinant) };
    }
  }
  return undefined;
}

function weightedDies({ passing, defective, baseRate }: CalibrationInput): WeightedDie[] {
  const total = passing.length + defective.length;
  const passingWeight = ((1 - baseRate) * total) / passing.length;
  const defectiveWeight = (baseRate * total) / defective.length;
  const defectiveTarget = (defective.length + 1) / (defective.length + 2);
  const passingTarget = 1 / (passing.length + 2);
  return [
    ...Array.from(passing, (s) => ({ x: logScore(s), target: passingTarget, weight: passingWeight })),
    ...Array.from(defective, (s) => ({ x: logScore(s), target: defectiveTarget, weight: defectiveWeight })),
  ];
}

function derivatives(dies: readonly WeightedDie[], slope: number, intercept: number) {
  let gradientSlope = 0;
  let gradientIntercept = 0;
  let ss = 1e-9; // keeps the matrix invertible where all probabilities are 0 or 1
  let si = 0;
  let ii = 1e-9;
  for (const { x, target, weight } of dies) {
    const p = 1 / (1 + exp(-(slope * x + intercept)));
    const residual = weight * (target - p);
    const curvature = weight * p * (1 - p);
    gradientSlope += residual * x;
    gradientIntercept += residual;
    ss += curvature * x * x;
    si += curvature * x;
    ii += curvature;
  }
  return { gradientSlope, gradientIntercept, hessian: [ss, si, ii] as const };
}

/** A score of exactly 0 is possible (every value at its centre); its logarithm is not. */
function logScore(score: number): number {
  return log(Math.max(score, 1e-12));
}

function square(value: number): number {
  return value * value;
}

function roundTo(value: number): number {
  return Number(value.toPrecision(8));
}
