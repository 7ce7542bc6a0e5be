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
  warnings: z
    .array(z.string())
    .optional()
    .describe('What speaks against a canary that was begun, by what its old version has done until now'),
});

export type Changed = z.infer<typeof ChangedSchema>;

export const ShadowBodySchema = z.strictObject({ versions: ShadowSchema });

/** How a paused canary goes on. */
export const ResumeBodySchema = z.strictObject({
  next: z
    .enum(['step', 'hold'])
    .describe(
      'step: to its next step, whatever is open; hold: wait for more dies, for all its patience again',
    ),
  comment: z.string().max(1000).optional().describe('Why, for the audit line'),
});

/** A canary as it is asked for; it begins from the default version. */
export const CanaryBodySchema = z.strictObject({
  to: VersionSchema.describe('The version that is to take over'),
  by: CanaryPlanSchema.shape.by,
  steps: CanaryPlanSchema.shape.steps,
  dwellMs: CanaryPlanSchema.shape.dwellMs,
  patience: CanaryPlanSchema.shape.patience,
  minWafers: CanaryPlanSchema.shape.minWafers,
  whenOpen: CanaryPlanSchema.shape.whenOpen,
  bounds: CanaryPlanSchema.shape.bounds,
});
