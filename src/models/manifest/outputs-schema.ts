import { z } from 'zod';

export const CalibrationSchema = z.strictObject({
  method: z
    .enum(['logistic-log-score', 'logistic-score'])
    .describe(
      'P(defect) = 1 / (1 + exp(-(slope * x + intercept))), where x is ln(score), or the score itself: for scores that may be 0 or negative',
    ),
  slope: z.number().positive(),
  intercept: z.number(),
  basis: z
    .enum(['labelled', 'nominal'])
    .describe('labelled: fitted on labelled dies; nominal: no labelled defects, 0.5 at the threshold'),
});

/** How an anomaly score becomes the probability that the die is defective (Platt 1999). */
export type Calibration = z.infer<typeof CalibrationSchema>;

/** What becomes a key of the answer: this one no object can be given. */
const isKey = (name: string) => name !== '__proto__';
const NO_KEY = { error: 'expected a name other than "__proto__"' };

const FloatOutput = z.string().min(1).refine(isKey, NO_KEY);

const contributions = FloatOutput.optional().describe('Name of the ONNX output, float32 [N, parameters]');

const ExtraOutputSchema = z.strictObject({
  name: FloatOutput.describe('Name of the ONNX output, numbers [N] or [N, size]'),
  size: z.int().min(1).max(4096).default(1).describe('Values for each die'),
});

/** Outputs that are returned with each prediction as they are, and decide nothing. */
const extra = z.array(ExtraOutputSchema).max(16).optional();

export const LabelSchema = z.string().min(1).max(128).refine(isKey, NO_KEY);

export const TargetFieldsSchema = z.strictObject({
  name: LabelSchema.describe('What is predicted, for example "yield"'),
  unit: z.string().min(1).max(32).optional().describe('Unit of the value, for example "%"'),
  lowLimit: z.number().optional().describe('A die whose value lies below fails'),
  highLimit: z.number().optional().describe('A die whose value lies above fails'),
  standardError: z
    .number()
    .positive()
    .describe('Standard deviation of the prediction error on held-out dies, in `unit`'),
});

export const TargetSchema = TargetFieldsSchema.refine(
  ({ lowLimit, highLimit }) => lowLimit !== undefined || highLimit !== undefined,
  { error: 'expected lowLimit, highLimit or both: without one no die can fail' },
);

/** What a regression predicts and when a die fails by it. */
export type RegressionTarget = z.infer<typeof TargetSchema>;

/** The outputs of a screen. */
export const ScreenOutputsSchema = z.strictObject({
  score: FloatOutput.optional().describe('Name of the ONNX output, numbers [N] or [N, 1]'),
  direction: z
    .enum(['high', 'low'])
    .default('high')
    .describe(
      'Whether outliers have high or low scores. low: the anomaly score is the negative of the output, and so are threshold, calibration and reference',
    ),
  reconstruction: FloatOutput.optional().describe(
    'In place of score: name of the ONNX output [N, parameters] of an autoencoder. The anomaly score is the mean square of its error, each parameter in units of its robustSigma where it has one',
  ),
  distances: ExtraOutputSchema.optional().describe(
    'In place of score: the ONNX output [N, size] with the distances to the centres of clusters. The anomaly score is the least of them',
  ),
  contributions,
  residuals: FloatOutput.optional().describe(
    'In place of contributions: name of the ONNX output, float32 [N, parameters]. How far each value is from what the others let expect, in units of its residualSigma, with its sign',
  ),
  extra,
});

/** The outputs of a classification. */
export const ClassificationOutputsSchema = z.strictObject({
  probabilities: FloatOutput.optional().describe(
    'Name of the ONNX output, numbers [N, labels], each row summing to 1',
  ),
  probability: z
    .strictObject({
      name: FloatOutput.describe('Name of the ONNX output, numbers [N] or [N, 1]'),
      label: LabelSchema.describe('Of the two labels the one whose probability it is'),
    })
    .optional()
    .describe('In place of probabilities: a model of two classes that gives one probability'),
  label: z
    .strictObject({
      name: FloatOutput.describe('Name of the ONNX output, whole numbers or strings [N] or [N, 1]'),
      values: z
        .array(z.union([z.int(), z.string().max(128)]))
        .min(2)
        .max(1024)
        .optional()
        .describe('What it gives for each of labels; 0, 1, ... or the labels themselves if left out'),
      accuracy: z
        .number()
        .min(0.5)
        .max(1)
        .describe('Share of held-out dies whose label was right: the confidence of every decision'),
    })
    .optional()
    .describe('In place of probabilities: a model that gives nothing but a label'),
  activation: z
    .enum(['none', 'softmax', 'sigmoid'])
    .default('none')
    .describe(
      'What makes probabilities of the output: softmax of logits or log-probabilities; sigmoid of one logit, or of each, brought to a sum of 1',
    ),
  contributions,
  extra,
});

/** The outputs of a regression. */
export const RegressionOutputsSchema = z.strictObject({
  value: FloatOutput.describe('Name of the ONNX output, numbers [N], [N, 1] or [N, targets]'),
  contributions,
  extra,
});
