import { z } from 'zod';
import { LEAST_CLUSTERS } from '../statistics/design-effect.js';
import { ExperimentRulesSchema } from './rules.js';
import { StickyKeySchema } from './split.js';

const VersionKeySchema = z.string().min(1).max(64);

const MS_A_WEEK = 604_800_000;

/** An automated canary as it is asked for. */
export const CanaryPlanSchema = z
  .strictObject({
    from: VersionKeySchema.describe('The version that answers now'),
    to: VersionKeySchema.describe('The version that is to take over'),
    by: StickyKeySchema,
    steps: z
      .array(z.number().gt(0).max(100))
      .min(1)
      .max(20)
      .refine((steps) => steps.every((step, i) => i === 0 || step > (steps[i - 1] ?? 0)), {
        error: 'expected ascending steps',
      })
      .refine((steps) => steps.at(-1) === 100, { error: 'expected a last step of 100' })
      .default([10, 25, 50, 100])
      .describe('Percent of the traffic that `to` gets, step by step'),
    dwellMs: z
      .int()
      .min(0)
      .max(MS_A_WEEK)
      .default(600_000)
      .describe('Least time at each step, in milliseconds'),
    patience: z
      .int()
      .min(1)
      .max(1000)
      .default(10)
      .describe(
        'Dwell times, a minute at least, after which a step that has enough dies and is still open pauses, or holds on',
      ),
    minWafers: z
      .int()
      .min(LEAST_CLUSTERS)
      .max(64)
      .default(4)
      .describe(
        'Wafers (or whatever `by` names) that each version must have seen at a step before it is left',
      ),
    whenOpen: z
      .enum(['pause', 'hold'])
      .default('pause')
      .describe('What a step does that is open after all its patience: wait for a person, or for more dies'),
    bounds: ExperimentRulesSchema.omit({ maxDisagreementRate: true })
      .prefault({})
      .describe('minDies is for each version at each step'),
  })
  .refine(({ from, to }) => from !== to, {
    path: ['to'],
    error: 'expected a version other than `from`, found the same',
  });

export type CanaryPlan = z.infer<typeof CanaryPlanSchema>;

const isoTime = z.iso.datetime({ error: 'expected an ISO 8601 time in UTC' });

/** An automated canary as it is kept, so that a restart goes on where it was. */
export const CanaryStateSchema = z
  .strictObject({
    plan: CanaryPlanSchema,
    status: z.enum(['running', 'paused', 'completed', 'rolled_back']),
    step: z.int().min(0).describe('Position in `steps`, from 0'),
    startedAt: isoTime,
    stepSince: isoTime.describe('When the step began, or the canary ended'),
    patientSince: isoTime
      .optional()
      .describe('When the step had enough dies, or a person let it wait on: from here its patience counts'),
    patienceOver: z
      .literal(true)
      .optional()
      .describe('A step that holds on after its patience: its last look has been taken'),
    holding: z.boolean().default(false).describe('Whether the dwell time is over and the step is held'),
    reason: z.string().max(2000).describe('Why it is where it is'),
  })
  .refine(({ plan, step }) => step < plan.steps.length, {
    path: ['step'],
    error: 'expected a position in `plan.steps`',
  });

export type CanaryState = z.infer<typeof CanaryStateSchema>;

/** Whether both versions of a canary get dies: while it runs, and while it is paused. */
export function isUnderWay<C extends Pick<CanaryState, 'status'>>(canary: C | undefined): canary is C {
  return canary?.status === 'running' || canary?.status === 'paused';
}
