import { z } from 'zod';
import { BaseRateSchema, ModelNameSchema, VersionSchema } from '../../../models/manifest/identity-schema.js';
import { ModelServingSchema } from '../../../models/repository/serving.js';
import { CanaryPlanSchema } from '../../../traffic/canary-plan.js';
import { ShadowSchema } from '../../../traffic/shadow.js';
import { SplitSchema } from '../../../traffic/split.js';

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

/** What a change may say of itself; it goes into the audit line. */
export const NoteBodySchema = z.strictObject({
  comment: z.string().min(1).max(1000).optional().describe('Why; goes into the audit line'),
  approved_by: z.string().min(1).max(200).optional().describe('Who agreed; written down, not verified'),
});

export type Note = z.infer<typeof NoteBodySchema>;

export const SplitBodySchema = SplitSchema.extend(NoteBodySchema.shape);

export const ShadowBodySchema = NoteBodySchema.extend({ versions: ShadowSchema });

/** The share of failing dies that confidences are to be right for. */
export const BaseRateBodySchema = NoteBodySchema.extend({
  rate: z
    .union([BaseRateSchema, z.literal('outcomes')], {
      error: 'expected a share above 0 and below 1, such as 0.004, or "outcomes"',
    })
    .describe(
      'Above 0 and below 1; or "outcomes": the share of those posted to the replica that is asked, of which at least 20 failed',
    ),
});

/** How a paused canary goes on. */
export const ResumeBodySchema = NoteBodySchema.extend({
  next: z
    .enum(['step', 'hold'])
    .describe(
      'step: to its next step, whatever is open; hold: wait for more dies, for all its patience again',
    ),
});

/** A canary as it is asked for; it begins from the default version. */
export const CanaryBodySchema = NoteBodySchema.extend({
  to: VersionSchema.describe('The version that is to take over'),
  by: CanaryPlanSchema.shape.by,
  steps: CanaryPlanSchema.shape.steps,
  dwellMs: CanaryPlanSchema.shape.dwellMs,
  patience: CanaryPlanSchema.shape.patience,
  minWafers: CanaryPlanSchema.shape.minWafers,
  whenOpen: CanaryPlanSchema.shape.whenOpen,
  bounds: CanaryPlanSchema.shape.bounds,
});
