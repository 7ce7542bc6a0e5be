import { z } from 'zod';
import { DEFAULT_PARAMETER_COUNT } from '../../die/die.js';

/** A model's name: the folder's name in the repository and the name in URLs. */
export const ModelNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'expected 1 to 64 letters, digits, ".", "_" or "-"');

/** A version: a positive whole number as a string, as its folder is named. */
export const VersionSchema = z
  .string()
  .regex(/^[1-9][0-9]{0,8}$/, 'expected a positive whole number, such as "1"');

export const ParameterSchema = z.strictObject({
  name: z.string().min(1).max(128),
  unit: z.string().max(32).optional().describe('SI unit of the values, for example "V"'),
  testNumber: z.int().min(0).max(0xffffffff).optional().describe('STDF TEST_NUM'),
  lowLimit: z.number().optional().describe('Lower specification limit, in `unit`'),
  highLimit: z.number().optional().describe('Upper specification limit, in `unit`'),
  expected: z.number().optional().describe('Mean over the passing dies of the training data, in `unit`'),
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
});

/** How a version's dies are batched. */
export type Batching = z.infer<typeof BatchingSchema>;

export const CalibrationSchema = z.strictObject({
  method: z
    .literal('logistic-log-score')
    .describe('P(defect) = 1 / (1 + exp(-(slope * ln(score) + intercept)))'),
  slope: z.number().positive(),
  intercept: z.number(),
  basis: z
    .enum(['labelled', 'nominal'])
    .describe('labelled: fitted on labelled dies; nominal: no labelled defects, 0.5 at the threshold'),
});

/** How a score becomes the probability that the die is defective (Platt 1999, on the log score). */
export type Calibration = z.infer<typeof CalibrationSchema>;

const MetricsSchema = z.record(z.string(), z.union([z.number(), z.record(z.string(), z.number())]));

/** `manifest.json` of a model version: the contract between the ONNX graph and diegate. */
export const ManifestSchema = z.strictObject({
  name: ModelNameSchema,
  version: VersionSchema,
  description: z.string().max(1000).default(''),
  task: z.literal('anomaly-screen'),
  input: z.strictObject({
    name: z.string().min(1).describe('Name of the ONNX input, float32 [N, parameters]'),
    parameters: z
      .union([z.int().min(1).max(65_536), z.array(ParameterSchema).min(1).max(65_536)])
      .default(DEFAULT_PARAMETER_COUNT)
      .describe('How many test parameters, or the list of them in order'),
    missing: z.enum(['reject', 'impute']).default('reject').describe('What a null value means to this model'),
  }),
  outputs: z.strictObject({
    score: z.string().min(1).describe('Name of the ONNX output, float32 [N] or [N, 1]'),
    contributions: z.string().min(1).optional().describe('Name of the ONNX output, float32 [N, parameters]'),
  }),
  threshold: z.number().describe('A die fails when its score is above this'),
  calibration: CalibrationSchema,
  batching: BatchingSchema.prefault({}),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits')
    .describe('Of model.onnx'),
  lineage: z.strictObject({
    data: z.string().describe('What it was trained on'),
    rows: z.int().min(0).describe('Dies in the training data'),
    codeVersion: z.string().describe('diegate version that made it'),
    created: z.iso.datetime({ error: 'expected an ISO 8601 time in UTC, such as "2026-01-01T00:00:00Z"' }),
  }),
  metrics: MetricsSchema.default({}).describe('What was measured on held-out dies'),
});

export type Manifest = z.infer<typeof ManifestSchema>;

/** Number of test parameters that a version reads. */
export function parameterCount({ input }: Pick<Manifest, 'input'>): number {
  return typeof input.parameters === 'number' ? input.parameters : input.parameters.length;
}
