import { z } from 'zod';

/** Most rows: they are run at every load. */
const MAX_GOLDEN_ROWS = 256;

/**
 * `golden.json` of a model version: measurements, and what the version makes of them wherever it runs. What a runtime
 * of another kind or another machine makes otherwise is found before any die is decided by it.
 */
export const GoldenSchema = z
  .strictObject({
    rows: z
      .array(z.array(z.number().nullable()))
      .min(1)
      .max(MAX_GOLDEN_ROWS)
      .describe('Measurements in the order of the manifest; null where a value is missing'),
    scores: z
      .array(z.number())
      .describe('Of each row the anomaly score: what is compared with the threshold'),
    tolerance: z
      .number()
      .min(0)
      .max(1)
      .default(1e-4)
      .describe('Largest difference, as a share of the expected score or of 1 where that is smaller'),
  })
  .refine(({ rows, scores }) => rows.length === scores.length, {
    path: ['scores'],
    error: ({ input }) =>
      `expected a score for each of ${lengthOf(input, 'rows')} rows, found ${lengthOf(input, 'scores')}`,
  });

export type Golden = z.infer<typeof GoldenSchema>;

function lengthOf(value: unknown, key: 'rows' | 'scores'): number {
  const list: unknown = Object.getOwnPropertyDescriptor(value, key)?.value;
  return Array.isArray(list) ? list.length : 0;
}
