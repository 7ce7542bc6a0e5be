import { z } from 'zod';
import { ModelNameSchema, VersionSchema } from '../../models/manifest/manifest.js';
import { ModelServingSchema } from '../../models/repository/serving.js';
import { CanaryPlanSchema } from '../../traffic/canary-plan.js';
import { ShadowSchema } from '../../traffic/shadow.js';

export const AdminModelParamsSchema = z.object({ model: ModelNameSchema });

export const AdminVersionParamsSchema = AdminModelParamsSchema.extend({ version: VersionSchema });

/** What serving.json says of a model after a change. */
export const ChangedSchema = z.object({
  model: z.string(),
  default_version: z.string().nullable(),
  serving: ModelServingSchema,
});

export type Changed = z.infer<typeof ChangedSchema>;

export const ShadowBodySchema = z.strictObject({ versions: ShadowSchema });

/** A canary as it is asked for; it begins from the default version. */
export const CanaryBodySchema = z.strictObject({
  to: VersionSchema.describe('The version that is to take over'),
  by: CanaryPlanSchema.shape.by,
  steps: CanaryPlanSchema.shape.steps,
  dwellMs: CanaryPlanSchema.shape.dwellMs,
  patience: CanaryPlanSchema.shape.patience,
  bounds: CanaryPlanSchema.shape.bounds,
});
