import { z } from 'zod';
import type { BatchFinding } from '../../../models/batch-policy.js';
import {
  type CatalogueEntry,
  type CatalogueModel,
  readable,
  SIGNATURE_STATES,
  type SignatureReport,
  VERSION_STATES,
} from '../../../models/catalogue.js';
import { ParameterSchema } from '../../../models/manifest/input-schema.js';
import { inputTensors } from '../../../models/manifest/input-tensors.js';
import { CalibrationSchema, TargetSchema } from '../../../models/manifest/outputs-schema.js';
import { BatchingSchema } from '../../../models/manifest/serving-schema.js';
import {
  type Manifest,
  RegressionManifestSchema,
  ScreenManifestSchema,
} from '../../../models/manifest/task-manifests.js';
import type { ModelVersion } from '../../../models/model-version.js';
import type { ModelOutcomes } from '../../../routing/outcome-accounts.js';

const signature = z
  .object({
    status: z.enum(SIGNATURE_STATES),
    signer: z.string().optional().describe('Who signed: a key or the subject of a certificate'),
    reason: z.string().optional().describe('Why the signature does not hold'),
  })
  .optional()
  .describe('Where MODEL_SIGNATURES is warn or require, for a version that is loaded');

const BaseRateReportSchema = z
  .object({
    trained_at: z
      .number()
      .nullable()
      .describe('Share of failing dies that it was made for; null where nobody says'),
    in_force: z
      .number()
      .nullable()
      .describe('Share that its confidences are right for now; null where nobody says'),
  })
  .describe('Share of failing dies: confidences are right where there are as many');

const outcomesOfKind = z.object({ dies: z.int(), failing: z.int() });

const OutcomesReportSchema = z
  .object({
    passed: outcomesOfKind.describe('Dies that the model passed'),
    failed: outcomesOfKind.describe('Dies that the model failed'),
    failing_rate: z
      .object({ value: z.number(), low: z.number(), high: z.number() })
      .describe('Share that turned out to fail, with its 95% interval of independent dies'),
  })
  .describe('What became of dies whose outcomes were posted to this replica since it started');

export const VersionSummarySchema = z.object({
  version: z.string(),
  state: z.enum(VERSION_STATES),
  reason: z.string().optional().describe('Why the version failed'),
  is_default: z.boolean(),
  base_rate: BaseRateReportSchema,
  signature,
});

export const ModelSummarySchema = z.object({
  name: z.string(),
  default_version: z.string().nullable().describe('null where serving.json is wrong about the model'),
  reason: z.string().optional().describe('Why the model answers only where a version is named'),
  description: z.string(),
  outcomes: OutcomesReportSchema.optional(),
  versions: z.array(VersionSummarySchema),
});

export const ModelsSchema = z.object({ default_model: z.string(), models: z.array(ModelSummarySchema) });

const BatchPolicySchema = z.object({
  kind: z
    .enum(['any', 'padded', 'single'])
    .describe(
      'any: runs of as many rows as there are dies; padded: of exactly `rows` rows; single: of one die',
    ),
  rows: z.int().optional().describe('Rows in every run'),
  reason: z
    .enum(['rounding', 'rows_mix', 'fixed_batch'])
    .optional()
    .describe(
      'Why not any: sums are rounded in another order, rows change each other, the graph has a fixed batch',
    ),
  output: z.string().optional().describe('The output that differed most'),
  difference: z.number().optional().describe("As a share of the output's largest magnitude"),
});

export const VersionDetailSchema = z.object({
  name: z.string(),
  version: z.string(),
  description: z.string(),
  task: z.string(),
  state: z.enum(VERSION_STATES),
  reason: z.string().optional().describe('Why the version failed'),
  loaded_at: z.string().nullable().describe('ISO 8601 UTC'),
  load_ms: z.number().nullable(),
  signature,
  batch_policy: BatchPolicySchema.nullable().describe(
    'Found at load on this machine: how dies are run, so that each has the same outputs to the last bit in any batch',
  ),
  contract: z.object({
    parameter_count: z.int(),
    missing: z.enum(['reject', 'impute']),
    strip_name: z
      .string()
      .optional()
      .describe('Regular expression of what is taken out of the test names of a lot'),
    input: z.string(),
    inputs: z
      .array(
        z.object({
          name: z.string(),
          type: z.string(),
          shape: z.array(z.int()).describe('Sizes after the batch dimension'),
        }),
      )
      .optional()
      .describe('ONNX inputs, in the order in which test_params fill them, row-major'),
    outputs: z
      .object({
        score: z.string().optional(),
        direction: z
          .enum(['high', 'low'])
          .optional()
          .describe('low: the anomaly score is the negative of score'),
        reconstruction: z.string().optional(),
        distances: z.object({ name: z.string(), size: z.int() }).optional(),
        probabilities: z.string().optional(),
        probability: z.object({ name: z.string(), label: z.string() }).optional(),
        label: z.object({ name: z.string(), accuracy: z.number() }).optional(),
        activation: z.enum(['none', 'softmax', 'sigmoid']).optional(),
        value: z.string().optional(),
        contributions: z.string().optional(),
        residuals: z.string().optional(),
        extra: z.array(z.object({ name: z.string(), size: z.int() })).optional(),
      })
      .describe('ONNX outputs by what they mean'),
    parameters: z
      .array(ParameterSchema)
      .describe('In the order of test_params; empty where the manifest only counts them'),
  }),
  threshold: z.number(),
  base_rate: BaseRateReportSchema,
  calibration: CalibrationSchema.optional().describe('Of an anomaly screen'),
  labels: z.array(z.string()).optional().describe('Of a classification, in the order of the output'),
  pass_labels: z.array(z.string()).optional().describe('Labels of dies that pass'),
  target: TargetSchema.optional().describe('Of a regression: what is predicted, and its limits'),
  targets: RegressionManifestSchema.shape.targets.describe('Of a regression of several targets'),
  fallback: z.enum(['version', 'limits']).optional().describe('What answers when the version cannot'),
  batching: BatchingSchema,
  sha256: z.string(),
  lineage: ScreenManifestSchema.shape.lineage,
  metrics: ScreenManifestSchema.shape.metrics.unwrap(),
});

type ModelSummary = z.infer<typeof ModelSummarySchema>;
export type VersionDetail = z.infer<typeof VersionDetailSchema>;

/** @param outcomes undefined where none were posted */
export function modelSummary(
  { name, defaultVersion, reason, versions }: CatalogueModel,
  outcomes: ModelOutcomes | undefined,
): ModelSummary {
  const chosen = versions.find(({ number }) => number === defaultVersion);
  return {
    name,
    default_version: defaultVersion ?? null,
    ...(reason !== undefined && { reason }),
    description: chosen?.version?.manifest.description ?? '',
    ...(outcomes !== undefined && {
      outcomes: { passed: outcomes.passed, failed: outcomes.failed, failing_rate: outcomes.failing },
    }),
    versions: versions.map((entry) => ({
      version: entry.number,
      state: entry.state,
      ...(entry.reason !== undefined && { reason: entry.reason }),
      is_default: entry.number === defaultVersion,
      base_rate: baseRateOf(entry.version),
      ...signatureOf(entry),
    })),
  };
}

/** @throws Refusal `model_not_ready` where the files of the version are none */
export function versionDetail(entry: CatalogueEntry): VersionDetail {
  const { state, report, reason } = entry;
  const version = readable(entry);
  const { manifest, contract } = version;
  const { parameters } = manifest.input;
  return {
    name: version.name,
    version: version.version,
    description: manifest.description,
    task: manifest.task,
    state,
    ...(reason !== undefined && { reason }),
    loaded_at: report?.loadedAt.toISOString() ?? null,
    load_ms: report === undefined ? null : Math.round(report.loadMs),
    ...signatureOf(entry),
    batch_policy: report === undefined ? null : batchPolicyOf(report.batching),
    contract: {
      parameter_count: contract.parameterCount,
      missing: manifest.input.missing,
      ...(manifest.input.stripName !== undefined && { strip_name: manifest.input.stripName }),
      input: manifest.input.name,
      inputs: inputTensors(manifest).map(({ name, type, shape }) => ({ name, type, shape })),
      outputs: manifest.outputs,
      parameters: typeof parameters === 'number' ? [] : parameters,
    },
    threshold: manifest.threshold,
    base_rate: baseRateOf(version),
    ...ofTask(manifest),
    ...(manifest.fallback !== undefined && { fallback: manifest.fallback.by }),
    batching: manifest.batching,
    sha256: manifest.sha256,
    lineage: manifest.lineage,
    metrics: manifest.metrics,
  };
}

function baseRateOf(version: ModelVersion | undefined): VersionDetail['base_rate'] {
  const { trainedAt = null, inForce = null } = version?.baseRate ?? {};
  return { trained_at: trainedAt, in_force: inForce };
}

function signatureOf({ report }: CatalogueEntry): { signature?: SignatureReport } {
  return report?.signature === undefined ? {} : { signature: report.signature };
}

function batchPolicyOf({ policy, dependence }: BatchFinding): VersionDetail['batch_policy'] {
  if (dependence === undefined) return policy;
  const { kind: reason, ...difference } = dependence;
  return { ...policy, reason, ...difference };
}

/** What only versions of one task have. */
function ofTask(manifest: Manifest): Partial<VersionDetail> {
  switch (manifest.task) {
    case 'anomaly-screen':
      return { calibration: manifest.calibration };
    case 'classification':
      return { labels: manifest.labels, pass_labels: manifest.passLabels };
    case 'regression':
      return manifest.targets === undefined ? { target: manifest.target } : { targets: manifest.targets };
  }
}
