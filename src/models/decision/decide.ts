import type { Decision } from '../../die/prediction.js';
import { normalCdf } from '../../statistics/normal.js';
import { fetchedOutputs } from '../manifest/fetched-outputs.js';
import type {
  Calibration,
  ClassificationManifest,
  Manifest,
  RegressionManifest,
  ScreenManifest,
} from '../manifest/manifest.js';

/** A die's row of outputs as a decision. */
export interface Decided {
  readonly prediction: Decision;
  /** Calibrated probability that `prediction` is right, 0 to 1. */
  readonly confidence: number;
  /** What is compared with the version's threshold: a screen's own score, else the probability of failing. */
  readonly anomalyScore: number;
  /** What a classification or regression says beside it, and the extra outputs of any task. */
  readonly details?: DecisionDetails;
}

/** What a decision carries beside pass or fail. */
export interface DecisionDetails {
  /** The most probable label. */
  readonly label?: string;
  readonly probabilities?: Readonly<Record<string, number>>;
  /** The predicted value, in `unit`. */
  readonly value?: number;
  readonly unit?: string;
  /** Extra outputs by name: a number, or a list where an output has several for a die; null for not finite. */
  readonly outputs?: Readonly<Record<string, number | null | readonly (number | null)[]>>;
}

/**
 * Decides the die whose outputs begin at `at` in `rows` (float32 [dies, outputs] row-major, in the order
 * of `fetchedOutputs`); undefined when they are not finite numbers that mean something.
 */
export type Decide = (rows: Float32Array, at: number) => Decided | undefined;

/** The decision rule of a version. */
export function createDecide(manifest: Manifest): Decide {
  const decide = ruleOf(manifest);
  const addExtra = extraReader(manifest);
  if (addExtra === undefined) return decide;
  return (rows, at) => {
    const decided = decide(rows, at);
    return decided && { ...decided, details: { ...decided.details, outputs: addExtra(rows, at) } };
  };
}

function ruleOf(manifest: Manifest): Decide {
  switch (manifest.task) {
    case 'anomaly-screen':
      return screenRule(manifest);
    case 'classification':
      return classificationRule(manifest);
    case 'regression':
      return regressionRule(manifest);
  }
}

/** Above the threshold a die fails; confidence by the calibration. */
export function screenRule({
  threshold,
  calibration,
}: Pick<ScreenManifest, 'threshold' | 'calibration'>): Decide {
  return (rows, at) => {
    const score = rows[at] ?? Number.NaN;
    if (!Number.isFinite(score)) return undefined;
    const defective = defectProbability(score, calibration);
    return score > threshold
      ? { prediction: 'fail', confidence: defective, anomalyScore: score }
      : { prediction: 'pass', confidence: 1 - defective, anomalyScore: score };
  };
}

/** A die fails when the probabilities of its failing labels add up to more than the threshold. */
function classificationRule({ labels, passLabels, threshold }: ClassificationManifest): Decide {
  const fails = labels.map((label) => !passLabels.includes(label));
  return (rows, at) => {
    let failing = 0;
    let best = 0;
    const probabilities: Record<string, number> = {};
    for (let i = 0; i < labels.length; i++) {
      const probability = rows[at + i] ?? Number.NaN;
      // A softmax in float32 may leave 1 by a rounding; anything further out is no probability.
      if (!(probability >= -PROBABILITY_SLACK && probability <= 1 + PROBABILITY_SLACK)) return undefined;
      const bounded = Math.min(1, Math.max(0, probability));
      probabilities[labels[i] ?? ''] = bounded;
      if (fails[i]) failing += bounded;
      if (probability > (rows[at + best] ?? 0)) best = i;
    }
    const details = { label: labels[best] ?? '', probabilities };
    return { ...byProbability(Math.min(1, failing), threshold), details };
  };
}

/**
 * The probability that the true value violates a limit, taking the prediction's error as normal with the
 * manifest's standard error; a die fails when it is above the threshold.
 */
function regressionRule({ target, threshold }: RegressionManifest): Decide {
  const { lowLimit, highLimit, standardError, unit } = target;
  return (rows, at) => {
    const value = rows[at] ?? Number.NaN;
    if (!Number.isFinite(value)) return undefined;
    const below = lowLimit === undefined ? 0 : normalCdf((lowLimit - value) / standardError);
    const above = highLimit === undefined ? 0 : normalCdf((value - highLimit) / standardError);
    const details = unit === undefined ? { value } : { value, unit };
    return { ...byProbability(Math.min(1, below + above), threshold), details };
  };
}

const PROBABILITY_SLACK = 1e-3;

function byProbability(failing: number, threshold: number): Decided {
  return failing > threshold
    ? { prediction: 'fail', confidence: failing, anomalyScore: failing }
    : { prediction: 'pass', confidence: 1 - failing, anomalyScore: failing };
}

/** Reads the extra outputs of a die's row; undefined where the version has none. */
function extraReader(manifest: Manifest) {
  const [deciding, ...extra] = fetchedOutputs(manifest);
  if (deciding === undefined || extra.length === 0) return undefined;
  return (rows: Float32Array, at: number) => {
    const outputs: Record<string, number | null | (number | null)[]> = {};
    let from = at + deciding.size;
    for (const { name, size } of extra) {
      const values = Array.from(rows.subarray(from, from + size), finiteOrNull);
      outputs[name] = size === 1 ? (values[0] ?? null) : values;
      from += size;
    }
    return outputs;
  };
}

/** JSON has no word for what is not finite. */
function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/**
 * Probability that a die with this score is defective: a logistic function of ln(score) (Platt 1999).
 * A score of 0 or less is as far from a defect as there is.
 */
export function defectProbability(score: number, { slope, intercept }: Calibration): number {
  if (score <= 0) return 0;
  return 1 / (1 + Math.exp(-(slope * Math.log(score) + intercept)));
}
