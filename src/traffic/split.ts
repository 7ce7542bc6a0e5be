import { z } from 'zod';

/** Most versions of one model that share its traffic; a die's way costs one hash for each. */
const MAX_SPLIT_VERSIONS = 8;

/** What may decide which version a die gets: all dies with the same value get the same version. */
const STICKY_KEYS = ['wafer_id', 'lot_id', 'equipment_id', 'die_id'] as const;

export type StickyKey = (typeof STICKY_KEYS)[number];

export const StickyKeySchema = z
  .enum(STICKY_KEYS)
  .default('wafer_id')
  .describe('Dies that share this label get the same version; a die without it goes by its die_id');

// Weights such as 33.3 + 33.3 + 33.4 miss 100 by a rounding error.
const SUM_TOLERANCE = 1e-6;

const WeightsSchema = z
  .record(z.string().min(1).max(64), z.number().min(0).max(100))
  .refine((weights) => Object.keys(weights).length <= MAX_SPLIT_VERSIONS, {
    error: ({ input }) =>
      `expected at most ${MAX_SPLIT_VERSIONS} versions, found ${Object.keys(weightsOf(input)).length}`,
    abort: true,
  })
  .refine((weights) => Math.abs(sumOf(weights) - 100) <= SUM_TOLERANCE, {
    error: ({ input }) => `expected weights that sum to 100, found a sum of ${rounded(weightsOf(input))}`,
  })
  .describe('Share of the keys that each version gets, in percent; together 100');

/** How the traffic of one model is split between its versions. */
export const SplitSchema = z.strictObject({ by: StickyKeySchema, weights: WeightsSchema });

export type Split = z.infer<typeof SplitSchema>;

/** The versions that get dies of a split, in its order. */
export function takersOf({ weights }: Pick<Split, 'weights'>): string[] {
  return Object.keys(weights).filter((version) => (weights[version] ?? 0) > 0);
}

function sumOf(weights: Readonly<Record<string, number>>): number {
  return Object.values(weights).reduce((sum, weight) => sum + weight, 0);
}

function rounded(weights: Readonly<Record<string, number>>): number {
  return Number(sumOf(weights).toPrecision(12));
}

/** The input of a refusal, which zod types as unknown; what is not a number counts as none. */
function weightsOf(input: unknown): Record<string, number> {
  const parsed = z.record(z.string(), z.number().catch(0)).safeParse(input);
  return parsed.success ? parsed.data : {};
}
