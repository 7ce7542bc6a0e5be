import { z } from 'zod';
import { BOUND_NAMES, type Finding, type Observation } from './bounds.js';
import { findingsOf, isPassed, weightsOf } from './canary.js';
import { type CanaryState, CanaryStateSchema } from './canary-plan.js';
import { failFiguresOf, needOf } from './needs.js';
import { confidenceOf, scarcityOf, sentenceOf } from './wording.js';

const count = z.int().min(0);

const MissingSchema = z
  .object({
    bound: z.enum(BOUND_NAMES),
    says: z.string().describe('What is seen, and why that does not let the step be left'),
    dies: count.describe('Dies of the version that has fewer'),
    wafers: count.nullable().describe('Wafers of it, or whatever `by` names; null where they say nothing'),
    needed_dies: count.nullable().describe('About how many settle the bound, if the versions are equal'),
    needed_wafers: count.nullable(),
  })
  .describe('A bound that keeps the step');

/** Where a canary is, and why. */
export const CanaryProgressSchema = z.object({
  from: z.string(),
  to: z.string(),
  status: CanaryStateSchema.shape.status,
  percent: z.number().describe('Of the traffic that `to` gets'),
  step: count.describe('Position in the steps, from 0'),
  steps: z.array(z.number()),
  started_at: z.string(),
  step_since: z.string().describe('When the step began, or the canary ended'),
  holding: z.boolean().describe('Whether the dwell time is over and the step is held'),
  reason: z.string(),
  missing: z.array(MissingSchema).describe('What keeps the step now; none once the canary has ended'),
});

type CanaryProgress = z.infer<typeof CanaryProgressSchema>;

/** @param observation what both versions did since the step began; undefined once the canary has ended */
export function progressOf(state: CanaryState, observation: Observation | undefined): CanaryProgress {
  const { plan, status, step, startedAt, stepSince, holding, reason } = state;
  return {
    from: plan.from,
    to: plan.to,
    status,
    percent: weightsOf(state)[plan.to] ?? 0,
    step,
    steps: plan.steps,
    started_at: startedAt,
    step_since: stepSince,
    holding,
    reason,
    missing: observation === undefined ? [] : missingOf(state, observation),
  };
}

function missingOf(state: CanaryState, observation: Observation): CanaryProgress['missing'] {
  const { bounds, minWafers } = state.plan;
  const figures = failFiguresOf(observation);
  const needed = ({ bound, limit }: Finding) =>
    figures !== undefined && (bound === 'fail_rate_difference' || bound === 'fail_rate_ratio')
      ? needOf(bound, limit, figures, bounds.significance)
      : undefined;
  return findingsOf(state, observation)
    .filter((finding) => !isPassed(state, finding))
    .map((finding) => {
      const need = needed(finding);
      return {
        bound: finding.bound,
        says: finding.enough
          ? sentenceOf(finding, confidenceOf(bounds.significance))
          : scarcityOf(finding, { minDies: bounds.minDies, minWafers }),
        dies: finding.dies,
        wafers: finding.wafers ?? null,
        needed_dies: need?.dies ?? null,
        needed_wafers: need?.wafers ?? null,
      };
    });
}
