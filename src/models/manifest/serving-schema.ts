import { z } from 'zod';
import { ModelNameSchema, VersionSchema } from './identity-schema.js';

export const BatchingSchema = z.strictObject({
  maxBatchSize: z.int().min(1).max(4096).default(64).describe('Most dies in one session.run'),
  maxQueueDelayMs: z
    .number()
    .min(0)
    .max(1000)
    .default(0)
    .describe('How long a batch may wait to fill while a worker is idle; 0 never waits'),
  maxQueueSize: z.int().min(1).max(1_000_000).default(4096).describe('Most dies waiting; beyond it 503'),
  defaultDeadlineMs: z
    .int()
    .min(1)
    .max(600_000)
    .default(1000)
    .describe('Longest wait for a worker before 504, where the caller sends no x-deadline-ms'),
  rowsPerRun: z
    .int()
    .min(1)
    .max(4096)
    .optional()
    .describe('Rows in every session.run, padded where there are fewer dies; found at load if left out'),
});

/** How a version's dies are batched. */
export type Batching = z.infer<typeof BatchingSchema>;

/** What is said of the key of a union that is none of its values; zod words all other faults. */
export function unknownKey(code: string | undefined, values: readonly string[]): string | undefined {
  if (code !== 'invalid_union') return undefined;
  return `expected ${values.map((value) => `"${value}"`).join(' or ')}`;
}

/** What answers for a version that cannot. */
export const FallbackSchema = z.discriminatedUnion(
  'by',
  [
    z.strictObject({
      by: z.literal('version'),
      model: ModelNameSchema.optional().describe('Another model; this one if left out'),
      version: VersionSchema,
    }),
    z.strictObject({
      by: z.literal('limits'),
      sigmas: z
        .number()
        .min(1)
        .max(20)
        .default(6)
        .describe('k of the static PAT limits, median ± k robust standard deviations (AEC-Q001)'),
    }),
  ],
  { error: ({ code }) => unknownKey(code, ['version', 'limits']) },
);
