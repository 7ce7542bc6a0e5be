import { z } from 'zod';
import type { CatalogueEntry, CatalogueModel } from '../../models/catalogue.js';
import { CalibrationSchema, ManifestSchema, ParameterSchema } from '../../models/manifest/manifest.js';

const VersionSummarySchema = z.object({
  version: z.string(),
  state: z.enum(['loading', 'ready']),
  is_default: z.boolean(),
});

export const ModelSummarySchema = z.object({
  name: z.string(),
  default_version: z.string(),
  description: z.string(),
  versions: z.array(VersionSummarySchema),
});

export const ModelsSchema = z.object({ default_model: z.string(), models: z.array(ModelSummarySchema) });

export const VersionDetailSchema = z.object({
  name: z.string(),
  version: z.string(),
  description: z.string(),
  task: z.string(),
  state: z.enum(['loading', 'ready']),
  loaded_at: z.string().nullable().describe('ISO 8601 UTC'),
  load_ms: z.number().nullable(),
  same_in_any_batch: z
    .boolean()
    .nullable()
    .describe('Checked at load on this machine: a die has the same score to the last bit in any batch'),
  contract: z.object({
    parameter_count: z.int(),
    missing: z.enum(['reject', 'impute']),
    input: z.string(),
    outputs: z.object({ score: z.string(), contributions: z.string().optional() }),
    parameters: z
      .array(ParameterSchema)
      .describe('In the order of test_params; empty where the manifest only counts them'),
  }),
  threshold: z.number(),
  calibration: CalibrationSchema,
  batching: ManifestSchema.shape.batching.unwrap(),
  sha256: z.string(),
  lineage: ManifestSchema.shape.lineage,
  metrics: ManifestSchema.shape.metrics.unwrap(),
});

export type ModelSummary = z.infer<typeof ModelSummarySchema>;
export type VersionDetail = z.infer<typeof VersionDetailSchema>;

export function modelSummary({ name, defaultVersion, versions }: CatalogueModel): ModelSummary {
  const chosen = versions.find(({ version }) => version.version === defaultVersion);
  return {
    name,
    default_version: defaultVersion,
    description: chosen?.version.manifest.description ?? '',
    versions: versions.map(({ version, state }) => ({
      version: version.version,
      state,
      is_default: version.version === defaultVersion,
    })),
  };
}

export function versionDetail({ version, state, report }: CatalogueEntry): VersionDetail {
  const { manifest, contract } = version;
  const { parameters } = manifest.input;
  return {
    name: version.name,
    version: version.version,
    description: manifest.description,
    task: manifest.task,
    state,
    loaded_at: report?.loadedAt.toISOString() ?? null,
    load_ms: report === undefined ? null : Math.round(report.loadMs),
    same_in_any_batch: report?.sameInAnyBatch ?? null,
    contract: {
      parameter_count: contract.parameterCount,
      missing: manifest.input.missing,
      input: manifest.input.name,
      outputs: manifest.outputs,
      parameters: typeof parameters === 'number' ? [] : parameters,
    },
    threshold: manifest.threshold,
    calibration: manifest.calibration,
    batching: manifest.batching,
    sha256: manifest.sha256,
    lineage: manifest.lineage,
    metrics: manifest.metrics,
  };
}
