import type { TensorInfo } from '../../models/manifest/graph.js';

/** A task that the outputs of a graph fit. */
export interface TaskGuess {
  readonly task: string;
  /** Why this task: the end of a sentence that begins with "because". */
  readonly reason: string;
  /** The manifest's `outputs`: names of the graph's. */
  readonly outputs: Readonly<Record<string, string>>;
  /** The output that a die is decided by. */
  readonly decisive: string;
  /** Other fields of the manifest that this task has; null is for a person to fill in. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** What those nulls mean, a sentence each. */
  readonly toFillIn: readonly string[];
}

type Guess = (outputs: readonly TensorInfo[], parameters: number) => TaskGuess | undefined;

const CONTRIBUTIONS = /contrib/i;

/** The tasks in the order in which they are tried: the more particular the shape, the earlier. */
export const TASKS: readonly Guess[] = [anomalyScreen];

/** One number for each die: how unusual it is. */
function anomalyScreen(outputs: readonly TensorInfo[], parameters: number): TaskGuess | undefined {
  const candidates = outputs.filter(({ type, shape }) => type === 'float32' && isOneForEachDie(shape));
  const score = candidates.find(({ name }) => /score|anomal/i.test(name)) ?? candidates[0];
  if (score === undefined) return undefined;
  const contributions = outputs.find(
    ({ name, type, shape }) =>
      type === 'float32' && CONTRIBUTIONS.test(name) && isDynamic(shape[0]) && fits(shape, parameters),
  );
  return {
    task: 'anomaly-screen',
    reason: `output "${score.name}" is one float32 for each die`,
    outputs: { score: score.name, ...(contributions && { contributions: contributions.name }) },
    decisive: score.name,
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
