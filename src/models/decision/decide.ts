import type { Decision } from '../../die/prediction.js';
import { normalCdf } from '../../statistics/normal.js';
import { fetchedOutputs } from '../manifest/fetched-outputs.js';
import type { Calibration, RegressionTarget } from '../manifest/outputs-schema.js';
import type {
  ClassificationManifest,
  Manifest,
  RegressionManifest,
  ScreenManifest,
} from '../manifest/task-manifests.js';
import { shiftedProbability } from './base-rate.js';

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
interface DecisionDetails {
  /** The most probable label. */
  readonly label?: string;
  readonly probabilities?: Readonly<Record<string, number>>;
  /** The predicted value, in `unit`. */
  readonly value?: number;
  readonly unit?: string;
  /** The predicted values of a regression of several targets. */
  readonly values?: Readonly<Record<string, number>>;
  /** Extra outputs by name: a number, or a list where an output has several for a die; null for not finite. */
  readonly outputs?: Readonly<Record<string, number | null | readonly (number | null)[]>>;
}

/**
 * Decides the die whose outputs begin at `at` in `rows` (float32 [dies, outputs] row-major, in the order
 * of `fetchedOutputs`); undefined when they are not finite numbers that mean something.
 */
export type Decide = (rows: Float32Array, at: number) => Decided | undefined;

/**
 * The decision rule of a version.
 * @param shift of the log-odds of failing, where failing dies are rarer or more frequent than in training: it changes
 * confidences, and neither decisions nor anomaly scores
 */
export function createDecide(manifest: Manifest, shift = 0): Decide {
  const decide = ruleOf(manifest, shift);
  const addExtra = extraReader(manifest);
  if (addExtra === undefined) return decide;
  return (rows, at) => {
    const decided = decide(rows, at);
    return decided && { ...decided, details: { ...decided.details, outputs: addExtra(rows, at) } };
  };
}

function ruleOf(manifest: Manifest, shift: number): Decide {
  switch (manifest.task) {
    case 'anomaly-screen': {
      const { calibration } = manifest;
      // One constant more: the way of a die stays as short.
      return screenRule({
        ...manifest,
        calibration: { ...calibration, intercept: calibration.intercept + shift },
      });
    }
    case 'classification':
      return shifted(
        manifest.outputs.label === undefined ? classificationRule(manifest) : labelRule(manifest),
        shift,
      );
    case 'regression':
      return shifted(regressionRule(manifest), shift);
  }
}

/** A rule by the probability of failing, which stays the anomaly score; its confidence goes by the shifted one. */
function shifted(decide: Decide, shift: number): Decide {
  if (shift === 0) return decide;
  return (rows, at) => {
    const decided = decide(rows, at);
    if (decided === undefined) return undefined;
    const failing = shiftedProbability(decided.anomalyScore, shift);
    return { ...decided, confidence: decided.prediction === 'fail' ? failing : 1 - failing };
  };
}

/** Above the threshold a die fails; confidence by the calibration. */
export function screenRule({
  outputs,
  threshold,
  calibration,
}: Pick<ScreenManifest, 'threshold' | 'calibration' | 'outputs'>): Decide {
  const scoreAt = scoreReader(outputs);
  return (rows, at) => {
    const score = scoreAt(rows, at);
    if (!Number.isFinite(score)) return undefined;
    const defective = defectProbability(score, calibration);
    return score > threshold
      ? { prediction: 'fail', confidence: defective, anomalyScore: score }
      : { prediction: 'pass', confidence: 1 - defective, anomalyScore: score };
  };
}

/** The anomaly score in a die's row: high for outliers, whatever the model gives. */
function scoreReader({ direction, distances }: ScreenManifest['outputs']) {
  if (distances !== undefined) {
    const { size } = distances;
    return (rows: Float32Array, at: number) => Math.min(...rows.subarray(at, at + size));
  }
  return direction === 'low'
    ? (rows: Float32Array, at: number) => 0 - (rows[at] ?? Number.NaN)
    : (rows: Float32Array, at: number) => rows[at] ?? Number.NaN;
}

/** A die fails when the probabilities of its failing labels add up to more than the threshold. */
function classificationRule({ labels, passLabels, threshold, outputs }: ClassificationManifest): Decide {
  const fails = labels.map((label) => !passLabels.includes(label));
  const probabilitiesAt = probabilityReader(labels, outputs);
  return (rows, at) => {
    const row = probabilitiesAt(rows, at);
    let failing = 0;
    let best = 0;
    const probabilities: Record<string, number> = {};
    for (let i = 0; i < labels.length; i++) {
      const probability = row[i] ?? Number.NaN;
      // A softmax in float32 may leave 1 by a rounding; anything further out is no probability.
      if (!(probability >= -PROBABILITY_SLACK && probability <= 1 + PROBABILITY_SLACK)) return undefined;
      const bounded = Math.min(1, Math.max(0, probability));
      probabilities[labels[i] ?? ''] = bounded;
      if (fails[i]) failing += bounded;
      if (probability > (row[best] ?? 0)) best = i;
    }
    const details = { label: labels[best] ?? '', probabilities };
    return { ...byProbability(Math.min(1, failing), threshold), details };
  };
}

type ProbabilityReader = (rows: Float32Array, at: number) => ArrayLike<number>;

/** The probability of each label, from what the graph gives for a die. */
function probabilityReader(
  labels: readonly string[],
  { probability, activation }: ClassificationManifest['outputs'],
): ProbabilityReader {
  if (probability !== undefined) {
    const first = probability.label === labels[0];
    return (rows, at) => {
      const found = rows[at] ?? Number.NaN;
      const p = activation === 'sigmoid' ? sigmoid(found) : found;
      return first ? [p, 1 - p] : [1 - p, p];
    };
  }
  const count = labels.length;
  switch (activation) {
    case 'none':
      return (rows, at) => rows.subarray(at, at + count);
    case 'softmax':
      return (rows, at) => softmax(rows.subarray(at, at + count));
    case 'sigmoid':
      return (rows, at) => shares(Float64Array.from(rows.subarray(at, at + count), sigmoid));
  }
}

/** A model that gives nothing but a label is right as often as it was on held-out dies. */
function labelRule({ labels, passLabels, threshold, outputs }: ClassificationManifest): Decide {
  const accuracy = outputs.label?.accuracy ?? 1;
  return (rows, at) => {
    const label = labels[rows[at] ?? Number.NaN];
    if (label === undefined) return undefined;
    const failing = passLabels.includes(label) ? 1 - accuracy : accuracy;
    return { ...byProbability(failing, threshold), details: { label } };
  };
}

/**
 * The probability that the true value violates a limit, taking the prediction's error as normal with the
 * manifest's standard error; a die fails when it is above the threshold.
 */
function regressionRule({ target, targets, threshold }: RegressionManifest): Decide {
  if (target === undefined) return targetsRule(targets ?? [], threshold);
  const { unit } = target;
  return (rows, at) => {
    const value = rows[at] ?? Number.NaN;
    if (!Number.isFinite(value)) return undefined;
    const details = unit === undefined ? { value } : { value, unit };
    return { ...byProbability(Math.min(1, violation(target, value)), threshold), details };
  };
}

/** Several targets: the probability that any of them violates a limit, their errors taken as independent. */
function targetsRule(targets: NonNullable<RegressionManifest['targets']>, threshold: number): Decide {
  return (rows, at) => {
    let holding = 1;
    const values: Record<string, number> = {};
    for (const [i, target] of targets.entries()) {
      const value = rows[at + i] ?? Number.NaN;
      if (!Number.isFinite(value)) return undefined;
      values[target.name] = value;
      holding *= 1 - Math.min(1, violation(target, value));
    }
    return { ...byProbability(1 - holding, threshold), details: { values } };
  };
}

function violation({ lowLimit, highLimit, standardError }: RegressionTarget, value: number): number {
  const below = lowLimit === undefined ? 0 : normalCdf((lowLimit - value) / standardError);
  const above = highLimit === undefined ? 0 : normalCdf((value - highLimit) / standardError);
  return below + above;
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
 * Probability that a die with this anomaly score is defective: a logistic function (Platt 1999) of the score, or of its
 * logarithm, by which a score of 0 or less is as far from a defect as there is.
 */
export function defectProbability(score: number, { method, slope, intercept }: Calibration): number {
  if (method === 'logistic-score') return sigmoid(slope * score + intercept);
  if (score <= 0) return 0;
  return sigmoid(slope * Math.log(score) + intercept);
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** Softmax in float64; NaN throughout where a value is not finite. */
function softmax(values: Float32Array): Float64Array {
  const highest = Math.max(...values);
  return shares(Float64Array.from(values, (value) => Math.exp(value - highest)));
}

/** Values brought to a sum of 1. */
function shares(values: Float64Array): Float64Array {
  const sum = values.reduce((total, value) => total + value, 0);
  return values.map((value) => value / sum);
}
