import type { FetchedOutput } from '../../models/manifest/fetched-outputs.js';
import type { TensorInfo } from '../../models/manifest/graph.js';
import {
  type Clues,
  columnsOf,
  contributionsAmong,
  EXPLAINS,
  isNumber,
  isOneForEachDie,
  isQuantity,
  labelCount,
  labelFields,
  labelNote,
  QUANTITY,
  sizeOfDie,
  type TaskGuess,
  targetNamed,
} from './output-clues.js';

type Guess = (clues: Clues) => TaskGuess | undefined;

const SCORE = /score|anomal|outlier|novelty/i;
const PROBABILITY = /prob|softmax|class|sigmoid/i;
/** Names of scores that are low for outliers: scikit-learn's, and likelihoods of any kind. */
const LOW = /decision_function|score_samples|likelihood|log_?(prob|pdf|density)/i;
const RECONSTRUCTION = /recon|decode|x_hat|xhat|x_prime|rebuilt/i;
/** Operators behind which a number is a probability already. */
const PROBABLE = ['Softmax', 'Normalizer', 'TreeEnsembleClassifier', 'LinearClassifier', 'SVMClassifier'];
/** Operators behind which a number is a sum: a logit or a quantity. */
const LINEAR = ['Gemm', 'MatMul', 'Add', 'Conv', 'LogSoftmax', 'Margin', 'MatMulInteger', 'DequantizeLinear'];

/** The tasks in the order in which they are tried: the more particular the shape, the earlier. */
export const TASKS: readonly Guess[] = [
  detector,
  negatedDetector,
  clusters,
  autoencoder,
  classification,
  oneProbability,
  severalTargets,
  regression,
  anomalyScreen,
  oneLabel,
  severalNumbers,
];

/** scikit-learn's detectors: a label, -1 for outliers, beside a score whose sign it is. */
function detector(clues: Clues): TaskGuess | undefined {
  const score = clues.outputs.find(
    (one) => isNumber(one) && isOneForEachDie(one) && (/^scores?$/i.test(one.name) || LOW.test(one.name)),
  );
  const label = clues.outputs.find((one) => /int/.test(one.type) && isOneForEachDie(one));
  if (score === undefined || (label === undefined && !LOW.test(score.name))) return undefined;
  if (clues.hints?.classes !== undefined) return undefined;
  return detectorBy(score, label, 'low', clues);
}

/** The same after `check --fix`: the negative of the score stands in its place. */
function negatedDetector(clues: Clues): TaskGuess | undefined {
  const score = clues.outputs.find(
    (one) => one.name === 'anomaly_score' && clues.hints?.operatorOf(one.name) === 'Neg',
  );
  const label = clues.outputs.find((one) => /int/.test(one.type) && isOneForEachDie(one));
  return score && detectorBy(score, label, 'high', clues);
}

function detectorBy(
  score: TensorInfo,
  label: TensorInfo | undefined,
  direction: 'high' | 'low',
  clues: Clues,
): TaskGuess {
  const hasZero = label !== undefined && !/score_samples|likelihood|log_/i.test(score.name);
  return {
    ...screen(
      clues,
      { score: score.name, ...(direction === 'low' && { direction }) },
      { name: score.name, size: 1 },
    ),
    reason: `output "${score.name}" is one number for each die${label === undefined ? '' : ` beside the label "${label.name}"`}, as detectors give it whose score is ${direction} for outliers`,
    fields: {
      threshold: hasZero ? 0 : null,
      calibration: { method: 'logistic-score', slope: null, intercept: hasZero ? 0 : null, basis: 'nominal' },
    },
    toFillIn: [
      ...(direction === 'high'
        ? []
        : [
            `outputs.direction: "low", so the anomaly score is the negative of "${score.name}", and threshold and calibration are of the negative${hasZero ? '; 0 is where the model itself draws the line' : ''}; write "high" if its outliers have high scores`,
          ]),
      'threshold: the anomaly score above which a die fails',
      'calibration: slope of P(defect) = 1 / (1 + exp(-(slope * score + intercept))); without labelled defects keep basis "nominal", choose 4 divided by the spread of the scores of passing dies, and intercept = -slope * threshold',
    ],
  };
}

/** Distances to the centres of clusters beside the nearest one: k-means. */
function clusters(clues: Clues): TaskGuess | undefined {
  const { outputs, hints } = clues;
  const distances = outputs.find(
    (one) => isNumber(one) && columnsOf(one) > 1 && /^scores$|dist/i.test(one.name),
  );
  const nearest = outputs.some(
    (one) => /int/.test(one.type) && (hints === undefined || hints.operatorOf(one.name) === 'ArgMin'),
  );
  if (distances === undefined || hints?.classes !== undefined) return undefined;
  if (!nearest && !/dist/i.test(distances.name)) return undefined;
  const output = { name: distances.name, size: columnsOf(distances) };
  return {
    ...screen(clues, { distances: output }, output),
    reason: `output "${distances.name}" is ${output.size} distances for each die: the least of them is the anomaly score`,
  };
}

/** As wide as the input: a reconstruction of it. */
function autoencoder(clues: Clues): TaskGuess | undefined {
  const { outputs, parameters, hints } = clues;
  const candidates = outputs.filter(
    (one) =>
      isNumber(one) &&
      parameters > 1 &&
      sizeOfDie(one) === parameters &&
      !EXPLAINS.test(one.name) &&
      !PROBABILITY.test(one.name) &&
      !PROBABLE.includes(hints?.operatorOf(one.name) ?? ''),
  );
  // A score of its own decides better than an error, unless nothing is called so.
  if (outputs.some((one) => isNumber(one) && isOneForEachDie(one) && SCORE.test(one.name))) return undefined;
  const found = candidates.find(({ name }) => RECONSTRUCTION.test(name)) ?? candidates[0];
  if (found === undefined || (hints?.classes?.length ?? 0) > 0 || /ML\.?NET/i.test(hints?.producer ?? ''))
    return undefined;
  const decisive = {
    name: found.name,
    size: 1,
    reconstructs: new Float32Array(parameters).fill(1),
  };
  const guess = screen(clues, { reconstruction: found.name }, decisive);
  return {
    ...guess,
    outputs: { reconstruction: found.name },
    reason: `output "${found.name}" is as wide as the input: a reconstruction, whose mean square error is the anomaly score and explains it`,
    toFillIn: [
      ...guess.toFillIn,
      'input.parameters: list them with robustSigma if their units differ: each error then counts in units of it',
    ],
  };
}

/** A probability for each label. */
function classification(clues: Clues): TaskGuess | undefined {
  const { outputs, hints, parameters } = clues;
  const candidates = outputs.filter(
    (one) => isNumber(one) && !EXPLAINS.test(one.name) && labelCount(one, clues) > 1,
  );
  const operator = ({ name }: TensorInfo) => hints?.operatorOf(name) ?? '';
  const isProbable = (one: TensorInfo) => PROBABLE.includes(operator(one));
  const isLogits = (one: TensorInfo) =>
    (LINEAR.includes(operator(one)) && !isQuantity(one, clues)) || /logit/i.test(one.name);
  const found =
    candidates.find(({ name }) => PROBABILITY.test(name)) ??
    candidates.find(isProbable) ??
    candidates.find((one) => isLogits(one) && !/^(mu|logvar|z|latent|mean|sigma)/i.test(one.name)) ??
    (hints === undefined ? candidates.find(({ shape }) => shape[1] !== parameters) : undefined);
  if (found === undefined) return undefined;
  const labels = labelCount(found, clues);
  const activation = isLogits(found) && !isProbable(found) ? 'softmax' : undefined;
  return {
    task: 'classification',
    reason: `output "${found.name}" is ${labels} ${found.type} for each die`,
    outputs: {
      probabilities: found.name,
      ...(activation !== undefined && { activation }),
      ...contributionsAmong(clues),
    },
    decisive: { name: found.name, size: labels },
    fields: { ...labelFields(clues, labels), threshold: 0.5 },
    toFillIn: [
      labelNote(clues, labels),
      'passLabels: the labels of dies that pass; a die fails when the probabilities of all others add up to more than the threshold',
      'threshold: 0.5 unless a missed die and a false alarm cost differently',
      activation === undefined
        ? 'the output must hold probabilities: each row from 0 to 1, summing to 1; write "activation": "softmax" into outputs if it gives logits'
        : `outputs.activation: "softmax", as the graph ends in ${operator(found)}, which gives logits; take it out if they are probabilities`,
    ],
  };
}

/** One probability: two classes. */
function oneProbability(clues: Clues): TaskGuess | undefined {
  const { outputs, hints } = clues;
  const candidates = outputs.filter((one) => isNumber(one) && isOneForEachDie(one) && !SCORE.test(one.name));
  const operator = ({ name }: TensorInfo) => hints?.operatorOf(name) ?? '';
  const found =
    candidates.find((one) => operator(one) === 'Sigmoid') ??
    candidates.find(({ name }) => /prob|sigmoid/i.test(name)) ??
    candidates.find(({ name }) => /logit/i.test(name));
  if (found === undefined) return undefined;
  const isLogit = /logit/i.test(found.name) && operator(found) !== 'Sigmoid';
  const { labels } = labelFields(clues, 2);
  return {
    task: 'classification',
    reason: `output "${found.name}" is one probability for each die: of two classes`,
    outputs: {
      probability: { name: found.name, label: labels[1] },
      ...(isLogit && { activation: 'sigmoid' }),
      ...contributionsAmong(clues),
    },
    decisive: { name: found.name, size: 1 },
    fields: { labels, passLabels: null, threshold: 0.5 },
    toFillIn: [
      labelNote(clues, 2),
      `outputs.probability.label: the label whose probability "${found.name}" is; mostly the second, that of class 1`,
      'passLabels: the label of dies that pass',
      'threshold: a die fails when the probability of the other label is above it; 0.5 unless a missed die and a false alarm cost differently',
    ],
  };
}

/** Several numbers for each die that are no probabilities. */
function severalTargets(clues: Clues): TaskGuess | undefined {
  const found = clues.outputs.find((one) => isNumber(one) && columnsOf(one) > 1 && isQuantity(one, clues));
  return found && targetsOf(found, clues);
}

// More are an image or a sequence, of which no person says what each is.
const MOST_TARGETS = 64;

/** Several numbers for each die, of which nothing says what they are. */
function severalNumbers(clues: Clues): TaskGuess | undefined {
  if (clues.hints === undefined) return undefined;
  const found = clues.outputs.find(
    (one) => isNumber(one) && columnsOf(one) > 1 && columnsOf(one) <= MOST_TARGETS,
  );
  return found && targetsOf(found, clues);
}

function targetsOf(found: TensorInfo, clues: Clues): TaskGuess {
  const count = columnsOf(found);
  return {
    task: 'regression',
    reason: `output "${found.name}" is ${count} numbers for each die, and no probabilities`,
    outputs: { value: found.name, ...contributionsAmong(clues) },
    decisive: { name: found.name, size: count },
    fields: {
      targets: Array.from({ length: count }, (_, i) => targetNamed(`target ${i + 1}`)),
      threshold: 0.5,
    },
    toFillIn: [
      `targets: what each of the ${count} columns of "${found.name}" predicts (name, unit), the limits beyond which a die fails (take them out where there are none; one target needs a limit), and standardError, the standard deviation of its error on held-out dies`,
      'threshold: a die fails when the probability of any value beyond a limit is above it',
    ],
  };
}

/** One number for each die, and its name says that it is a quantity and not a score. */
function regression(clues: Clues): TaskGuess | undefined {
  const { outputs, hints } = clues;
  const candidates = outputs.filter((one) => isNumber(one) && isOneForEachDie(one));
  const isMlNet = /ML\.?NET/i.test(hints?.producer ?? '');
  const value = isMlNet
    ? candidates.find(({ name }) => /^Score(\.|$)/.test(name))
    : candidates.find(({ name }) => QUANTITY.test(name));
  if (value === undefined || (!isMlNet && candidates.some(({ name }) => SCORE.test(name)))) return undefined;
  return {
    task: 'regression',
    reason: `output "${value.name}" is one ${value.type} for each die, and is called by the name of a quantity`,
    outputs: { value: value.name, ...contributionsAmong(clues) },
    decisive: { name: value.name, size: 1 },
    fields: { target: targetNamed(value.name), threshold: 0.5 },
    toFillIn: [
      'target: what is predicted (name, unit), the limits beyond which a die fails (lowLimit, highLimit; take out the one that there is not, and unit if there is none), and standardError, the standard deviation of the error on dies that the model was not trained on',
      'threshold: a die fails when the probability of a value beyond a limit is above it; 0.5 unless a missed die and a false alarm cost differently',
    ],
  };
}

/** One number for each die: how unusual it is. */
function anomalyScreen(clues: Clues): TaskGuess | undefined {
  const candidates = clues.outputs.filter(
    (one) => /float/.test(one.type) && isNumber(one) && isOneForEachDie(one),
  );
  const score = candidates.find(({ name }) => SCORE.test(name)) ?? candidates[0];
  return score && screen(clues, { score: score.name }, { name: score.name, size: 1 });
}

/** Nothing but a label for each die. */
function oneLabel(clues: Clues): TaskGuess | undefined {
  const label = clues.outputs.find((one) => /int|string|bool/.test(one.type) && isOneForEachDie(one));
  // Beside a sequence of maps the label is the lesser half of what the model says.
  if (label === undefined || clues.outputs.some(({ type }) => type === 'other')) return undefined;
  const classes = clues.hints?.classes;
  const count = clues.labels?.length ?? classes?.length ?? 2;
  const { labels } = labelFields(clues, count);
  const values = label.type === 'string' ? classes : (classes ?? labels.map((_, i) => i));
  return {
    task: 'classification',
    reason: `output "${label.name}" is one ${label.type} for each die, and there is no other`,
    outputs: { label: { name: label.name, ...(values !== undefined && { values }), accuracy: null } },
    decisive: { name: label.name, size: 1, labels: values ?? labels },
    fields: { labels, passLabels: null, threshold: 0.5 },
    toFillIn: [
      labelNote(clues, count),
      'outputs.label.accuracy: the share of held-out dies whose label was right, which is the confidence of every decision',
      'passLabels: the labels of dies that pass',
    ],
  };
}

function screen(
  clues: Clues,
  outputs: Readonly<Record<string, unknown>>,
  decisive: FetchedOutput,
): TaskGuess {
  return {
    task: 'anomaly-screen',
    reason: `output "${decisive.name}" is one float32 for each die`,
    outputs: { ...outputs, ...contributionsAmong(clues) },
    decisive,
    fields: {
      threshold: null,
      calibration: { method: 'logistic-log-score', slope: null, intercept: null, basis: 'nominal' },
    },
    toFillIn: [
      'threshold: the score above which a die fails; choose it on passing dies that the model was not trained on',
      'calibration: slope and intercept of P(defect) = 1 / (1 + exp(-(slope * ln(score) + intercept))); without labelled defects keep basis "nominal" and choose intercept = -slope * ln(threshold), which is 0.5 at the threshold; for scores of 0 and below, method "logistic-score" takes the score itself',
    ],
  };
}
