import type { Prediction } from '../../die/prediction.js';
import type { Manifest } from '../../models/manifest/manifest.js';

/** What an inference gives for its dies, in their order. */
export interface InferResults {
  readonly predictions: readonly Prediction[];
  /** float32 [dies, parameters], where contributions were asked for. */
  readonly contributions?: Float32Array;
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
    values: ({ predictions }) =>
      Float32Array.from(predictions, (prediction) => numberOf(prediction) ?? Number.NaN),
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
      return [perDie(manifest.outputs.score, (prediction) => prediction.anomaly_score)];
    case 'classification': {
      const { outputs, labels } = manifest;
      return [
        rowsOfDies(outputs.probabilities, labels.length, ({ probabilities }) =>
          labels.map((name) => probabilities?.[name]),
        ),
        label('label', (prediction) => prediction.label ?? ''),
      ];
    }
    case 'regression':
      return [perDie(manifest.outputs.value, (prediction) => prediction.value)];
  }
}

/** What every task has beside its own outputs. */
function outputsOfAll({ outputs, input }: Manifest): readonly InferOutput[] {
  const parameterCount = typeof input.parameters === 'number' ? input.parameters : input.parameters.length;
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
    ...(outputs.contributions === undefined
      ? []
      : [contributionsOutput(outputs.contributions, parameterCount)]),
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
