import type { Prediction } from '../die/prediction.js';
import { contributionsName } from '../models/manifest/fetched-outputs.js';
import type {
  ClassificationManifest,
  Manifest,
  RegressionManifest,
  ScreenManifest,
} from '../models/manifest/task-manifests.js';

/** What an inference gives for its dies, in their order. */
export interface InferResults {
  readonly predictions: readonly Prediction[];
  /** float32 [dies, parameters], where contributions were asked for. */
  readonly contributions?: Float32Array | undefined;
}

/** The values of an output, row after row: FP32 or BYTES. */
export type OutputValues = Float32Array | readonly string[];

/** One output of a version: what metadata says of it, and how its values are made. */
export interface InferOutput {
  readonly name: string;
  readonly datatype: 'FP32' | 'BYTES';
  /** Shape of one die's part; [] for one value a die. */
  readonly dieShape: readonly number[];
  /** Whether it is made of the contributions, which are computed only where somebody asks. */
  readonly fromContributions: boolean;
  /** Whether it is returned only where it is asked for by name. */
  readonly onlyByName: boolean;
  /** The values for all dies; as many as dies × the product of `dieShape`. */
  readonly values: (results: InferResults) => OutputValues;
}

/** A number of each prediction, in float32; NaN where a fallback that has none answered. */
function perDie(name: string, numberOf: (prediction: Prediction) => number | undefined): InferOutput {
  return {
    name,
    datatype: 'FP32',
    dieShape: [],
    fromContributions: false,
    onlyByName: false,
    values: ({ predictions }) => {
      const values = new Float32Array(predictions.length);
      predictions.forEach((prediction, i) => {
        values[i] = numberOf(prediction) ?? Number.NaN;
      });
      return values;
    },
  };
}

/** Several numbers of each prediction, in float32. */
function rowsOfDies(
  name: string,
  size: number,
  rowOf: (prediction: Prediction) => readonly (number | undefined)[],
): InferOutput {
  return {
    name,
    datatype: 'FP32',
    dieShape: [size],
    fromContributions: false,
    onlyByName: false,
    values: ({ predictions }) => {
      const values = new Float32Array(predictions.length * size).fill(Number.NaN);
      predictions.forEach((prediction, die) => {
        rowOf(prediction).forEach((value, i) => {
          if (i < size && value !== undefined) values[die * size + i] = value;
        });
      });
      return values;
    },
  };
}

/** A text of each prediction. */
function label(name: string, textOf: (prediction: Prediction) => string, onlyByName = false): InferOutput {
  return {
    name,
    datatype: 'BYTES',
    dieShape: [],
    fromContributions: false,
    onlyByName,
    values: ({ predictions }) => predictions.map(textOf),
  };
}

/** The contributions of every test parameter to each die's score. */
export function contributionsOutput(name: string, parameterCount: number): InferOutput {
  return {
    name,
    datatype: 'FP32',
    dieShape: [parameterCount],
    fromContributions: true,
    onlyByName: true,
    values: ({ contributions }) => {
      if (contributions === undefined) throw new Error(`output "${name}" was asked for, but not computed`);
      return contributions;
    },
  };
}

/** What the ONNX graph of a version gives, by its own names, as its task reads it. */
function ownOutputs(manifest: Manifest): readonly InferOutput[] {
  switch (manifest.task) {
    case 'anomaly-screen':
      return screenOutputs(manifest);
    case 'classification':
      return classificationOutputs(manifest);
    case 'regression':
      return regressionOutputs(manifest);
  }
}

/** A score as the model gives it; an error or a distance, which no output of the graph is, as anomaly score. */
function screenOutputs({ outputs }: ScreenManifest): readonly InferOutput[] {
  const sign = outputs.direction === 'low' ? -1 : 1;
  return [
    ...(outputs.score === undefined ? [] : [perDie(outputs.score, (one) => sign * one.anomaly_score)]),
    ...(outputs.score !== undefined && sign === 1
      ? []
      : [perDie('anomaly_score', ({ anomaly_score }) => anomaly_score)]),
  ];
}

function classificationOutputs({ outputs, labels }: ClassificationManifest): readonly InferOutput[] {
  const text = label('label', (prediction) => prediction.label ?? '');
  const { probabilities, probability } = outputs;
  if (probability !== undefined) {
    return [perDie(probability.name, (prediction) => prediction.probabilities?.[probability.label]), text];
  }
  if (probabilities === undefined) return [text];
  const size = labels.length;
  return [
    rowsOfDies(probabilities, size, (prediction) => labels.map((name) => prediction.probabilities?.[name])),
    text,
  ];
}

function regressionOutputs({ outputs, targets }: RegressionManifest): readonly InferOutput[] {
  if (targets === undefined) return [perDie(outputs.value, (prediction) => prediction.value)];
  return [
    rowsOfDies(outputs.value, targets.length, ({ values }) => targets.map(({ name }) => values?.[name])),
  ];
}

/** What every task has beside its own outputs. */
function outputsOfAll(manifest: Manifest): readonly InferOutput[] {
  const { outputs, input } = manifest;
  const parameterCount = typeof input.parameters === 'number' ? input.parameters : input.parameters.length;
  const contributions = contributionsName(manifest);
  return [
    ...(outputs.extra ?? []).map(({ name, size }) =>
      size === 1
        ? perDie(name, (prediction) => numbersOf(prediction.outputs?.[name])[0])
        : rowsOfDies(name, size, (prediction) => numbersOf(prediction.outputs?.[name])),
    ),
    label('prediction', (prediction) => prediction.prediction),
    perDie('confidence', (prediction) => prediction.confidence),
    // Whoever answered: a split may give the dies of one call to several versions, and a fallback is another one.
    label('model_version', (prediction) => prediction.model_version, true),
    ...(contributions === undefined ? [] : [contributionsOutput(contributions, parameterCount)]),
  ];
}

/** A value that was not finite came as null. */
function numbersOf(value: number | readonly (number | null)[] | null | undefined): readonly number[] {
  const values = Array.isArray(value) ? value : [value];
  return values.map((one: number | null | undefined) => one ?? Number.NaN);
}

/** The outputs of a version; where two have one name, the graph's own is meant. */
export function outputsOf(manifest: Manifest): readonly InferOutput[] {
  const outputs = [...ownOutputs(manifest), ...outputsOfAll(manifest)];
  return outputs.filter(({ name }, i) => outputs.findIndex((output) => output.name === name) === i);
}

/** The version that answered all dies; undefined where a split gave them to several: no single one would be true. */
export function answeringVersion({ predictions }: InferResults): string | undefined {
  const [first] = predictions;
  const isOne = predictions.every(({ model_version }) => model_version === first?.model_version);
  return isOne ? first?.model_version : undefined;
}

/**
 * FP32 as little-endian float32 (every platform of ONNX Runtime's binding is little-endian); BYTES as the
 * length of each element in four little-endian bytes, followed by its UTF-8.
 */
export function tensorBytes(values: OutputValues): Buffer {
  if (values instanceof Float32Array) return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return Buffer.concat(
    values.flatMap((text) => {
      const bytes = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}
