import { z } from 'zod';
import { ExperimentRulesSchema } from '../../traffic/rules.js';
import { BaseRateSchema, LineageSchema, ModelNameSchema, VersionSchema } from './identity-schema.js';
import { InputSchema } from './input-schema.js';
import {
  CalibrationSchema,
  ClassificationOutputsSchema,
  LabelSchema,
  RegressionOutputsSchema,
  ScreenOutputsSchema,
  TargetFieldsSchema,
  TargetSchema,
} from './outputs-schema.js';
import { BatchingSchema, FallbackSchema } from './serving-schema.js';

/** What every manifest begins with, whatever the task. */
const identity = {
  name: ModelNameSchema,
  version: VersionSchema,
  description: z.string().max(1000).default(''),
};

const MetricsSchema = z.record(z.string(), z.union([z.number(), z.record(z.string(), z.number())]));

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
  lineage: LineageSchema,
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
  input: InputSchema,
  outputs: ScreenOutputsSchema,
  threshold: z.number().describe('A die fails when its anomaly score is above this'),
  calibration: CalibrationSchema,
  ...rest,
});

export const ClassificationManifestSchema = z.strictObject({
  ...identity,
  task: z.literal('classification'),
  input: InputSchema,
  outputs: ClassificationOutputsSchema,
  labels: z.array(LabelSchema).min(2).max(1024).describe('Names of the classes, in the order of the output'),
  passLabels: z.array(LabelSchema).min(1).describe('The labels of dies that pass; all others fail'),
  threshold: probabilityThreshold,
  ...rest,
});

export const RegressionManifestSchema = z.strictObject({
  ...identity,
  task: z.literal('regression'),
  input: InputSchema,
  outputs: RegressionOutputsSchema,
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

export type ScreenManifest = z.infer<typeof ScreenManifestSchema>;
export type ClassificationManifest = z.infer<typeof ClassificationManifestSchema>;
export type RegressionManifest = z.infer<typeof RegressionManifestSchema>;
export type Manifest = ScreenManifest | ClassificationManifest | RegressionManifest;
