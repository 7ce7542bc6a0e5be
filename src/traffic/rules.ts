import { z } from 'zod';

/** When a version may replace another: `experiment` in a manifest, and the bounds of a canary. */
export const ExperimentRulesSchema = z.strictObject({
  minDies: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .default(1000)
    .describe('Dies that each version must have seen before a bound is called kept or broken'),
  significance: z
    .number()
    .min(1e-6)
    .max(0.5)
    .default(0.05)
    .describe('Of every interval and test, two-sided: 0.05 gives intervals of 95%'),
  maxFailRateDifference: z
    .number()
    .min(0)
    .max(1)
    .default(0.01)
    .describe('Most by which the fail rates may differ, in either direction; 0.01 is one die in a hundred'),
  maxFailRateRatio: z
    .number()
    .min(1)
    .max(1000)
    .nullable()
    .default(2)
    .describe(
      'Most by which the fail rates may differ as a ratio, in either direction: 2 is half to twice; null for any, ' +
        'where no version fails dies',
    ),
  maxDisagreementRate: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe('Largest share of dies on which a shadow and its primary may disagree'),
  maxErrorRate: z
    .number()
    .min(0)
    .max(1)
    .default(0.01)
    .describe('Largest share of its dies for which the version may give no decision'),
  maxLatencyRatio: z
    .number()
    .min(1)
    .max(1000)
    .default(1.5)
    .describe("Largest ratio of the version's p99 latency to the baseline's"),
  maxAccuracyDrop: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe(
      'Most by which the share of dies that were decided as they turned out may be lower, by outcomes',
    ),
  minOutcomes: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .default(200)
    .describe('Dies of each version whose outcome must be known before they have a say'),
});

export type ExperimentRules = z.infer<typeof ExperimentRulesSchema>;
