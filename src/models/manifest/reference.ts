import { z } from 'zod';

const DecileEdgesSchema = z
  .array(z.number())
  .length(9)
  .describe('The 10th to 90th percentiles of the passing training dies, ascending');

/** `reference.json` of a model version: the distributions that drift is measured against. */
export const ReferenceSchema = z.strictObject({
  dies: z.int().min(1).describe('Passing dies that the distributions were taken from'),
  parameters: z.array(
    z.strictObject({
      edges: DecileEdgesSchema,
      mean: z.number(),
      standardDeviation: z.number().min(0),
      missingRate: z.number().min(0).max(1),
    }),
  ),
  score: z.strictObject({ edges: DecileEdgesSchema }),
});

export type Reference = z.infer<typeof ReferenceSchema>;
