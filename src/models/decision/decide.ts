import type { Decision } from '../../die/prediction.js';
import type { Calibration, Manifest } from '../manifest/manifest.js';

/** A score as a decision. */
export interface Decided {
  readonly prediction: Decision;
  /** Calibrated probability that `prediction` is right, 0 to 1. */
  readonly confidence: number;
}

/** Decides dies by their score; undefined for a score that is not a finite number. */
export type Decide = (score: number) => Decided | undefined;

/** The decision rule of a version: above the threshold a die fails; confidence by its calibration. */
export function createDecide({
  threshold,
  calibration,
}: Pick<Manifest, 'threshold' | 'calibration'>): Decide {
  return (score) => {
    if (!Number.isFinite(score)) return undefined;
    const defective = defectProbability(score, calibration);
    return score > threshold
      ? { prediction: 'fail', confidence: defective }
      : { prediction: 'pass', confidence: 1 - defective };
  };
}

/**
 * Probability that a die with this score is defective: a logistic function of ln(score) (Platt 1999).
 * A score of 0 or less is as far from a defect as there is.
 */
export function defectProbability(score: number, { slope, intercept }: Calibration): number {
  if (score <= 0) return 0;
  return 1 / (1 + Math.exp(-(slope * Math.log(score) + intercept)));
}
