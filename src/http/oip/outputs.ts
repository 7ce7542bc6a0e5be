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
  /** Whether it is made of the contributions: such an output is returned only when it is asked for by name. */
  readonly fromContributions: boolean;
  /** The values for all dies; as many as dies × the product of `dieShape`. */
  readonly values: (results: InferResults) => OutputValues;
}

/** A number of each prediction, in float32. */
function perDie(name: string, numberOf: (prediction: Prediction) => number): InferOutput {
  return {
    name,
    datatype: 'FP32',
    dieShape: [],
    fromContributions: false,
    values: ({ predictions }) => Float32Array.from(predictions, numberOf),
  };
}

/** A text of each prediction. */
function label(name: string, textOf: (prediction: Prediction) => string): InferOutput {
  return {
    name,
    datatype: 'BYTES',
    dieShape: [],
    fromContributions: false,
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
    values: ({ contributions }) => {
      if (contributions === undefined) throw new Error(`output "${name}" was asked for, but not computed`);
      return contributions;
    },
  };
}

/** The outputs of each task: those of the ONNX graph by its own names, then what diegate makes of them. */
const OUTPUTS_OF_TASK: { readonly [T in Manifest['task']]: (manifest: Manifest) => readonly InferOutput[] } =
  {
    'anomaly-screen': ({ outputs }) => [
      perDie(outputs.score, (prediction) => prediction.anomaly_score),
      label('prediction', (prediction) => prediction.prediction),
      perDie('confidence', (prediction) => prediction.confidence),
    ],
  };

/** The outputs of a version; where two have one name, the graph's own is meant. */
export function outputsOf(manifest: Manifest): readonly InferOutput[] {
  const outputs = OUTPUTS_OF_TASK[manifest.task](manifest);
  return outputs.filter(({ name }, i) => outputs.findIndex((output) => output.name === name) === i);
}
