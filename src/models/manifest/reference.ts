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
