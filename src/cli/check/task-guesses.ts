import type { FetchedOutput } from '../../models/manifest/fetched-outputs.js';
import type { TensorInfo } from '../../models/manifest/graph.js';

/** A task that the outputs of a graph fit. */
export interface TaskGuess {
  readonly task: string;
  /** Why this task: the end of a sentence that begins with "because". */
  readonly reason: string;
  /** The manifest's `outputs`: names of the graph's. */
  readonly outputs: Readonly<Record<string, string>>;
  /** The output that a die is decided by. */
  readonly decisive: FetchedOutput;
  /** Other fields of the manifest that this task has; null is for a person to fill in. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** What those nulls mean, a sentence each. */
  readonly toFillIn: readonly string[];
}

type Guess = (outputs: readonly TensorInfo[], parameters: number) => TaskGuess | undefined;

const CONTRIBUTIONS = /contrib/i;

/** The tasks in the order in which they are tried: the more particular the shape, the earlier. */
export const TASKS: readonly Guess[] = [classification, regression, anomalyScreen];

/** A probability for each label. */
function classification(outputs: readonly TensorInfo[], parameters: number): TaskGuess | undefined {
  const candidates = outputs.filter(
    ({ name, type, shape }) => type === 'float32' && !CONTRIBUTIONS.test(name) && labelsOf(shape) > 1,
  );
  const isNamed = ({ name }: TensorInfo) => /prob|softmax|class/i.test(name);
  // As wide as the input is what an autoencoder gives: a reconstruction, unless its name says otherwise.
  const probabilities = candidates.find(isNamed) ?? candidates.find(({ shape }) => shape[1] !== parameters);
  if (probabilities === undefined) return undefined;
  const labels = labelsOf(probabilities.shape);
  return {
    task: 'classification',
    reason: `output "${probabilities.name}" is ${labels} float32 for each die`,
    outputs: { probabilities: probabilities.name, ...contributionsAmong(outputs, parameters) },
    decisive: { name: probabilities.name, size: labels },
    fields: {
      labels: Array.from({ length: labels }, (_, i) => `label ${i + 1}`),
      passLabels: null,
      threshold: 0.5,
    },
    toFillIn: [
      `labels: the names of the ${labels} classes, in the order of the output; those in the draft are placeholders`,
      'passLabels: the labels of dies that pass; a die fails when the probabilities of all others add up to more than the threshold',
      'threshold: 0.5 unless a missed die and a false alarm cost differently',
      'the output must hold probabilities: each row from 0 to 1, summing to 1; put a softmax at the end of the graph if it gives logits',
    ],
  };
}

/** One number for each die, and its name says that it is a quantity and not a score. */
function regression(outputs: readonly TensorInfo[], parameters: number): TaskGuess | undefined {
  const candidates = outputs.filter(({ type, shape }) => type === 'float32' && isOneForEachDie(shape));
  if (candidates.some(({ name }) => SCORE.test(name))) return undefined;
  const value = candidates.find(({ name }) => QUANTITY.test(name));
  if (value === undefined) return undefined;
  return {
    task: 'regression',
    reason: `output "${value.name}" is one float32 for each die, and is called by the name of a quantity`,
    outputs: { value: value.name, ...contributionsAmong(outputs, parameters) },
    decisive: { name: value.name, size: 1 },
    fields: {
      target: { name: value.name, unit: null, lowLimit: null, highLimit: null, standardError: null },
      threshold: 0.5,
    },
    toFillIn: [
      'target: what is predicted (name, unit), the limits beyond which a die fails (lowLimit, highLimit; take out the one that there is not, and unit if there is none), and standardError, the standard deviation of the error on dies that the model was not trained on',
      'threshold: a die fails when the probability of a value beyond a limit is above it; 0.5 unless a missed die and a false alarm cost differently',
    ],
  };
}

const SCORE = /score|anomal/i;
const QUANTITY = /^(y|y_hat|variable|value|prediction|target)$|predicted|yield|regress/i;

/** Columns of [N, labels]; 0 for any other shape. */
function labelsOf(shape: TensorInfo['shape']): number {
  const [batch, labels] = shape;
  return shape.length === 2 && isDynamic(batch) && typeof labels === 'number' ? labels : 0;
}

function contributionsAmong(outputs: readonly TensorInfo[], parameters: number): { contributions?: string } {
  const found = outputs.find(
    ({ name, type, shape }) =>
      type === 'float32' && CONTRIBUTIONS.test(name) && isDynamic(shape[0]) && fits(shape, parameters),
  );
  return found === undefined ? {} : { contributions: found.name };
}

/** One number for each die: how unusual it is. */
function anomalyScreen(outputs: readonly TensorInfo[], parameters: number): TaskGuess | undefined {
  const candidates = outputs.filter(({ type, shape }) => type === 'float32' && isOneForEachDie(shape));
  const score = candidates.find(({ name }) => SCORE.test(name)) ?? candidates[0];
  if (score === undefined) return undefined;
  return {
    task: 'anomaly-screen',
    reason: `output "${score.name}" is one float32 for each die`,
    outputs: { score: score.name, ...contributionsAmong(outputs, parameters) },
    decisive: { name: score.name, size: 1 },
    fields: {
      threshold: null,
      calibration: { method: 'logistic-log-score', slope: null, intercept: null, basis: 'nominal' },
    },
    toFillIn: [
      'threshold: the score above which a die fails; choose it on passing dies that the model was not trained on',
      'calibration: slope and intercept of P(defect) = 1 / (1 + exp(-(slope * ln(score) + intercept))); without labelled defects keep basis "nominal" and choose intercept = -slope * ln(threshold), which is 0.5 at the threshold',
    ],
  };
}

function isOneForEachDie(shape: TensorInfo['shape']): boolean {
  return isDynamic(shape[0]) && (shape.length === 1 || (shape.length === 2 && shape[1] === 1));
}

function fits(shape: TensorInfo['shape'], parameters: number): boolean {
  return shape.length === 2 && (typeof shape[1] === 'string' || shape[1] === parameters);
}

/** A dimension that takes any size: one with a name, or without any. */
function isDynamic(dimension: number | string | undefined): boolean {
  return typeof dimension === 'string';
}
