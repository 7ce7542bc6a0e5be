import { z } from 'zod';

const Share = z.number().min(0).max(1);

const DecileEdgesSchema = z
  .array(z.number())
  .length(9)
  .describe('The 10th to 90th percentiles of the passing training dies, ascending');

const SharesSchema = z
  .array(Share)
  .length(9)
  .optional()
  .describe(
    'Share of the measured training dies, passing and failing, at or below each edge as it is counted by (see `countingEdges`); left out by older versions of diegate',
  );

const ParameterReferenceSchema = z.strictObject({
  edges: DecileEdgesSchema,
  shares: SharesSchema,
  mean: z.number().describe('Of the passing dies'),
  standardDeviation: z.number().min(0).describe('Of the passing dies'),
  missingRate: Share.describe(
    'Share of the dies that reached the parameter and have no value of it; of passing dies where `shares` is left out',
  ),
  stoppedRate: Share.optional().describe(
    'Share of all dies that were measured no further than some parameter before this one: stop on fail',
  ),
  waferSpread: z
    .number()
    .min(0)
    .optional()
    .describe(
      'Sum over the bins of the variance of a share, from how wafers differ, over the share; left out where fewer than two wafers are known',
    ),
});

/** `reference.json` of a model version: the distributions that drift is measured against. */
export const ReferenceSchema = z
  .strictObject({
    dies: z.int().min(1).describe('Passing dies: edges, means and standard deviations are of these'),
    allDies: z
      .int()
      .min(1)
      .optional()
      .describe('Passing and failing dies: shares and rates are of these, where they are given'),
    wafers: z.int().min(1).optional().describe('Wafers that they come from, where the data names them'),
    parameters: z.array(ParameterReferenceSchema),
    score: z.strictObject({
      edges: DecileEdgesSchema,
      shares: SharesSchema,
      dies: z.int().min(0).optional().describe('Dies that `shares` are of: those that were not fitted to'),
    }),
  })
  .superRefine(({ allDies, parameters, score }, context) => {
    const exact = allDies !== undefined;
    parameters.forEach(({ shares, stoppedRate }, index) => {
      if ((shares !== undefined) === exact && (stoppedRate !== undefined) === exact) return;
      const message = exact
        ? 'expected shares and stoppedRate, as allDies is given'
        : 'found shares or stoppedRate, expected allDies beside them';
      context.addIssue({ code: 'custom', path: ['parameters', index], message });
    });
    if ((score.shares !== undefined && score.dies !== undefined) !== exact)
      context.addIssue({
        code: 'custom',
        path: ['score'],
        message: 'expected shares and dies where allDies is given, and neither where it is not',
      });
  });

export type Reference = z.infer<typeof ReferenceSchema>;

/**
 * Edges as values are compared with them: in float32, as values are. Where some coincide, one value holds
 * their mass: the first of them is moved to the next smaller float32, so that the value has a bin of its own.
 * @param edges ascending
 */
export function countingEdges(edges: readonly number[]): Float32Array {
  const counting = Float32Array.from(edges);
  const floats = Float32Array.from(edges);
  floats.forEach((value, i) => {
    if (value === floats[i + 1] && value !== floats[i - 1]) counting[i] = nextBelow(value);
  });
  return counting;
}

/** The greatest float32 below a finite one. */
function nextBelow(value: number): number {
  const float = Float32Array.of(value === 0 ? 0 : value);
  const bits = new Int32Array(float.buffer);
  if (float[0] === 0) return -1.401298464324817e-45;
  bits[0] = (bits[0] ?? 0) + ((float[0] ?? 0) > 0 ? -1 : 1);
  return float[0] ?? value;
}
