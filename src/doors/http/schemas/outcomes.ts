import { z } from 'zod';
import { DieLabelSchema } from '../../../die/die.js';
import { DecisionSchema } from '../../../die/prediction.js';
import { describeInput } from '../../../schema-faults.js';

/** Most outcomes in one call. */
export const MAX_OUTCOMES = 10_000;

const decision = z.enum(DecisionSchema.options, {
  error: ({ input }) => `expected "pass" or "fail", found ${describeInput(input)}`,
});

const versionFault = ({ input }: { readonly input?: unknown }) =>
  `expected a version, a string of 1 to 128 characters, found ${describeInput(input)}`;

/** What became of one die that had been predicted. */
export const OutcomeSchema = z.object(
  {
    die_id: DieLabelSchema.shape.die_id,
    model_version: z
      .string({ error: versionFault })
      .min(1, { error: versionFault })
      .max(128, { error: versionFault })
      .describe('The model_version of the prediction'),
    prediction: decision.describe('What was predicted'),
    actual: decision.describe('What the die turned out to be, for example at final test'),
  },
  { error: ({ input }) => `expected an outcome, an object, found ${describeInput(input)}` },
);

/** The body of a call before its elements are looked at. */
export const ElementsSchema = z
  .array(z.unknown(), {
    error: ({ input }) => `expected an array of outcomes, found ${describeInput(input)}`,
  })
  .min(1, { error: 'expected at least 1 outcome, found 0' });

/** The body of a call, for the documentation. */
export const OutcomesSchema = z
  .array(OutcomeSchema)
  .min(1)
  .max(MAX_OUTCOMES)
  .meta({
    examples: [[{ die_id: 'wafer123_die456', model_version: '1', prediction: 'pass', actual: 'pass' }]],
  });

export type ReportedOutcome = z.infer<typeof OutcomeSchema>;

export const OutcomesCountedSchema = z.object({
  model_name: z.string(),
  received: z.int().describe('Outcomes in the call'),
  counted: z.int().describe('Outcomes that are in the metrics now'),
  correct: z.int().describe('Of those counted: the prediction was what the die turned out to be'),
  repeated: z.int().describe('Not counted: the die and version came before in the same call'),
  unknown_version: z.int().describe('Not counted: the version is not loaded (any more)'),
});
