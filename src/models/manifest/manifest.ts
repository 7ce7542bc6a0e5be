import { z } from 'zod';
import { DEFAULT_PARAMETER_COUNT } from '../../die/die.js';
import { ExperimentRulesSchema } from '../../traffic/rules.js';
import { disagreements } from './disagreements.js';
import { ELEMENT_TYPES } from './element-types.js';

/** A model's name: the folder's name in the repository and the name in URLs. */
export const ModelNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'expected 1 to 64 letters, digits, ".", "_" or "-"');

/** A version: a positive whole number as a string, as its folder is named. */
export const VersionSchema = z
  .string()
  .regex(/^[1-9][0-9]{0,8}$/, 'expected a positive whole number, such as "1"');

/** What a die has under these names is no label that a category could be taken from. */
const NO_CATEGORY_LABELS = ['die_id', 'x', 'y', 'test_params', 'model_name', 'model_version'];

/** A label of a die that a category is taken from: `equipment_id`, `product`, or whatever its callers send. */
const CategoryLabelSchema = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,63}$/, 'expected lower-case letters, digits and "_", such as "product"')
  .refine((name) => !NO_CATEGORY_LABELS.includes(name), {
    error: `expected another name than ${NO_CATEGORY_LABELS.join(', ')}`,
  });

export const ParameterSchema = z.strictObject({
  name: z.string().min(1).max(128),
  unit: z.string().max(32).optional().describe('SI unit of the values, for example "V"'),
  testNumber: z.int().min(0).max(0xffffffff).optional().describe('STDF TEST_NUM'),
  testName: z
    .string()
    .max(255)
    .optional()
    .describe('STDF TEST_TXT, which tells tests of one number apart; what `name` says if left out'),
  position: z
    .int()
    .min(1)
    .max(0xffff)
    .optional()
    .describe('Which result of a record of several (STDF MPR), from 1'),
  pin: z.string().min(1).max(255).optional().describe('Pin of that result, by the PMR'),
  functional: z
    .boolean()
    .optional()
    .describe('A functional test (STDF FTR): the value is 0 where it passed and 1 where it failed'),
  lowLimit: z.number().optional().describe('Lower specification limit, in `unit`'),
  highLimit: z.number().optional().describe('Upper specification limit, in `unit`'),
  expected: z.number().optional().describe('Mean over the passing dies of the training data, in `unit`'),
  minimum: z
    .number()
    .optional()
    .describe('Least value that the model was made for; below it a die is refused'),
  maximum: z
    .number()
    .optional()
    .describe('Largest value that the model was made for; above it a die is refused'),
  median: z.number().optional().describe('Median over passing dies, the centre of its PAT limits'),
  robustSigma: z
    .number()
    .positive()
    .optional()
    .describe('Robust standard deviation over passing dies: its PAT limits are median ± k of it'),
  categories: z
    .array(z.string().min(1).max(128))
    .min(1)
    .max(4096)
    .optional()
    .describe(
      'What the value may be, where it is no number: it travels as its position in this list, from 0',
    ),
  label: CategoryLabelSchema.optional().describe(
    'The label of the die that the category is taken from where the value is null',
  ),
  unknown: z
    .string()
    .optional()
    .describe('The category of a die whose own is none of them; without it such a die is refused'),
});

/** One test parameter that a model reads. */
export type Parameter = z.infer<typeof ParameterSchema>;

export const BatchingSchema = z.strictObject({
  maxBatchSize: z.int().min(1).max(4096).default(64).describe('Most dies in one session.run'),
  maxQueueDelayMs: z
    .number()
    .min(0)
    .max(1000)
    .default(0)
    .describe('How long a batch may wait to fill while a worker is idle; 0 never waits'),
  maxQueueSize: z.int().min(1).max(1_000_000).default(4096).describe('Most dies waiting; beyond it 503'),
  defaultDeadlineMs: z
    .int()
    .min(1)
    .max(600_000)
    .default(1000)
    .describe('Longest wait for a worker before 504, where the caller sends no x-deadline-ms'),
  rowsPerRun: z
    .int()
    .min(1)
    .max(4096)
    .optional()
    .describe('Rows in every session.run, padded where there are fewer dies; found at load if left out'),
});

/** How a version's dies are batched. */
export type Batching = z.infer<typeof BatchingSchema>;

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

const MetricsSchema = z.record(z.string(), z.union([z.number(), z.record(z.string(), z.number())]));

/** Most parameters of a die: an image of 512 × 512. */
const MAX_PARAMETERS = 262_144;

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

const LabelSchema = z.string().min(1).max(128).refine(isKey, NO_KEY);

const TargetFieldsSchema = z.strictObject({
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

/** What is said of the key of a union that is none of its values; zod words all other faults. */
function unknownKey(code: string | undefined, values: readonly string[]): string | undefined {
  if (code !== 'invalid_union') return undefined;
  return `expected ${values.map((value) => `"${value}"`).join(' or ')}`;
}

export const FallbackSchema = z.discriminatedUnion(
  'by',
  [
    z.strictObject({
      by: z.literal('version'),
      model: ModelNameSchema.optional().describe('Another model; this one if left out'),
      version: VersionSchema,
    }),
    z.strictObject({
      by: z.literal('limits'),
      sigmas: z
        .number()
        .min(1)
        .max(20)
        .default(6)
        .describe('k of the static PAT limits, median ± k robust standard deviations (AEC-Q001)'),
    }),
  ],
  { error: ({ code }) => unknownKey(code, ['version', 'limits']) },
);

function isRegExp(text: string): boolean {
  try {
    return new RegExp(text, 'u') !== undefined;
  } catch {
    return false;
  }
}

/** What every manifest begins with, whatever the task. */
const identity = {
  name: ModelNameSchema,
  version: VersionSchema,
  description: z.string().max(1000).default(''),
};

const elementType = z
  .enum(ELEMENT_TYPES)
  .describe('Type of its elements in the graph: a value that it cannot hold exactly is refused');

const sizes = z
  .array(z.int().min(1).max(MAX_PARAMETERS))
  .max(7)
  .describe('Sizes after the batch dimension; their product is its number of parameters. [] for [N]');

export const InputTensorSchema = z.strictObject({
  name: z.string().min(1).describe('Name of the ONNX input'),
  type: elementType.default('float32'),
  shape: sizes.default([1]),
  constant: z
    .union([z.number(), z.string()])
    .optional()
    .describe('Fed for every die in place of parameters: an input that decides nothing, such as a label'),
});

/** One input of the graph, with its share of a die's parameters. */
export type InputTensor = z.infer<typeof InputTensorSchema>;

const input = z.strictObject({
  name: z
    .string()
    .min(1)
    .describe('Name of the ONNX input, [N, parameters]; with tensors, the name of all of them together'),
  type: elementType.optional(),
  shape: sizes.optional(),
  tensors: z
    .array(InputTensorSchema)
    .min(1)
    .max(4096)
    .optional()
    .describe('The inputs of a graph that has several; the parameters are theirs in this order'),
  parameters: z
    .union([z.int().min(1).max(MAX_PARAMETERS), z.array(ParameterSchema).min(1).max(MAX_PARAMETERS)])
    .default(DEFAULT_PARAMETER_COUNT)
    .describe('How many test parameters, or the list of them in order'),
  missing: z.enum(['reject', 'impute']).default('reject').describe('What a null value means to this model'),
  stripName: z
    .string()
    .min(1)
    .max(200)
    .refine(isRegExp, { error: 'expected a regular expression' })
    .optional()
    .describe('Regular expression of what is taken out of the test names of a lot before they are compared'),
});

/** Where a version that was imported comes from: the ids by which it is found there again. */
export const LineageSourceSchema = z.strictObject({
  from: z.enum(['mlflow', 'oci', 'files']),
  location: z.string().max(2000).describe('Address or path that it was read from'),
  model: z.string().max(512).optional().describe('Name at the source'),
  version: z.string().max(64).optional().describe('Version at the source'),
  run: z.string().max(128).optional().describe('Id of the MLflow run'),
  loggedModel: z.string().max(128).optional().describe('Id of the MLflow logged model'),
  digest: z.string().max(128).optional().describe('Digest of the OCI manifest'),
});
export type LineageSource = z.infer<typeof LineageSourceSchema>;

/** Share of failing dies. */
export const BaseRateSchema = z.number().gt(0).lt(1);

/** What every manifest ends with. */
const rest = {
  batching: BatchingSchema.prefault({}),
  fallback: FallbackSchema.optional(),
  baseRate: BaseRateSchema.optional().describe(
    'Share of failing dies that the confidences are right for: that of the training data, or of the weights that it was given',
  ),
  experiment: ExperimentRulesSchema.optional().describe('When this version may take over from another'),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits')
    .describe('Of model.onnx'),
  files: z
    .record(
      z
        .string()
        .regex(/^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[^\\\0]{1,255}$/, 'expected a path below the version folder'),
      z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits'),
    )
    .optional()
    .describe('sha256 of every file beside model.onnx that holds weights of it (external data), by its path'),
  lineage: z.strictObject({
    data: z.string().describe('What it was trained on'),
    rows: z.int().min(0).optional().describe('Dies in the training data; left out where nobody knows'),
    codeVersion: z.string().describe('diegate version that made it'),
    created: z.iso.datetime({ error: 'expected an ISO 8601 time in UTC, such as "2026-01-01T00:00:00Z"' }),
    source: LineageSourceSchema.optional(),
  }),
  metrics: MetricsSchema.default({}).describe('What was measured on held-out dies'),
};

const probabilityThreshold = z
  .number()
  .min(0)
  .max(1)
  .default(0.5)
  .describe('A die fails when its probability of failing is above this');

export const ScreenManifestSchema = z.strictObject({
  ...identity,
  task: z.literal('anomaly-screen'),
  input,
  outputs: z.strictObject({
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
    extra,
  }),
  threshold: z.number().describe('A die fails when its anomaly score is above this'),
  calibration: CalibrationSchema,
  ...rest,
});

export const ClassificationManifestSchema = z.strictObject({
  ...identity,
  task: z.literal('classification'),
  input,
  outputs: z.strictObject({
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
  }),
  labels: z.array(LabelSchema).min(2).max(1024).describe('Names of the classes, in the order of the output'),
  passLabels: z.array(LabelSchema).min(1).describe('The labels of dies that pass; all others fail'),
  threshold: probabilityThreshold,
  ...rest,
});

export const RegressionManifestSchema = z.strictObject({
  ...identity,
  task: z.literal('regression'),
  input,
  outputs: z.strictObject({
    value: FloatOutput.describe('Name of the ONNX output, numbers [N], [N, 1] or [N, targets]'),
    contributions,
    extra,
  }),
  target: TargetSchema.optional(),
  targets: z
    .array(TargetFieldsSchema)
    .min(2)
    .max(1024)
    .optional()
    .describe(
      'In place of target: what each column of the output predicts; one without limits decides nothing',
    ),
  threshold: probabilityThreshold,
  ...rest,
});

/** `manifest.json` of a model version: the contract between the ONNX graph and diegate. */
export const ManifestSchema = z
  .discriminatedUnion(
    'task',
    [ScreenManifestSchema, ClassificationManifestSchema, RegressionManifestSchema],
    { error: ({ code }) => unknownKey(code, ['anomaly-screen', 'classification', 'regression']) },
  )
  .superRefine((manifest, context) => {
    for (const { path, message } of disagreements(manifest)) {
      context.addIssue({ code: 'custom', path: [...path], message });
    }
  });

export type ScreenManifest = z.infer<typeof ScreenManifestSchema>;
export type ClassificationManifest = z.infer<typeof ClassificationManifestSchema>;
export type RegressionManifest = z.infer<typeof RegressionManifestSchema>;
export type Manifest = ScreenManifest | ClassificationManifest | RegressionManifest;
