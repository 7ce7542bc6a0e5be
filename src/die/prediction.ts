import { z } from 'zod';

export const DecisionSchema = z.enum(['pass', 'fail']);

/** What the gate says of a die. */
export type Decision = z.infer<typeof DecisionSchema>;

export const ContributionSchema = z.object({
  index: z.int().min(0).describe('Position of the test parameter in test_params, from 0'),
  name: z.string().describe('Name of the test parameter in the manifest, else its index'),
  value: z.number().nullable().describe('Measured value; null where none was measured'),
  expected: z
    .number()
    .nullable()
    .describe('Mean over the passing dies the model was trained on; null if unknown'),
  expected_by_others: z
    .number()
    .optional()
    .describe('What the other values of this die let expect, where the model is a dependency screen'),
  residual: z
    .number()
    .optional()
    .describe(
      'value less expected_by_others, in robust standard deviations of that difference over good dies',
    ),
  test_number: z.int().optional().describe('STDF test number, where the manifest has one'),
  test_name: z
    .string()
    .optional()
    .describe('STDF test name, which tells tests of one number apart, where the manifest has one'),
  position: z.int().optional().describe('Which result of a record of several (STDF MPR), from 1'),
  pin: z.string().optional().describe('Pin of that result, where the manifest has one'),
  unit: z.string().optional().describe('Unit of value, expected and limits'),
  low_limit: z.number().optional().describe('Lower specification limit'),
  high_limit: z.number().optional().describe('Upper specification limit'),
  share: z.number().describe('Share of the anomaly score that this parameter contributed, 0 to 1'),
});

/** How much one test parameter added to a die's anomaly score. */
export type Contribution = z.infer<typeof ContributionSchema>;

export const PredictionSchema = z
  .object({
    die_id: z.string(),
    prediction: DecisionSchema,
    confidence: z.number().min(0).max(1).describe('Calibrated probability that this decision is right'),
    anomaly_score: z
      .number()
      .describe(
        "The die fails above the version's threshold: a screen's own score, else the probability of failing",
      ),
    inference_time_ms: z
      .number()
      .describe('Duration of the session.run that scored the die, in milliseconds'),
    timestamp: z.iso.datetime().describe('When the die was decided, ISO 8601 UTC'),
    model_name: z.string(),
    model_version: z.string(),
    label: z.string().optional().describe('Classification: the most probable label'),
    probabilities: z
      .record(z.string(), z.number())
      .optional()
      .describe('Classification: the probability of each label'),
    value: z.number().optional().describe('Regression: the predicted value'),
    unit: z.string().optional().describe('Regression: unit of value'),
    values: z
      .record(z.string(), z.number())
      .optional()
      .describe('Regression of several targets: the predicted value of each'),
    outputs: z
      .record(z.string(), z.union([z.number().nullable(), z.array(z.number().nullable())]))
      .optional()
      .describe('Further outputs of the model, by name; null for a value that is not finite'),
    fallback: z
      .literal(true)
      .optional()
      .describe(
        'The model could not answer; its fallback did: a simpler version or the limits of the parameters',
      ),
    explanation: z
      .array(ContributionSchema)
      .optional()
      .describe('With ?explain=k: the k test parameters that contributed most, largest first'),
  })
  .meta({
    description: 'What the gate says of one die',
    examples: [
      {
        die_id: 'wafer123_die456',
        prediction: 'pass',
        confidence: 0.998765,
        anomaly_score: 0.432109862565994,
        inference_time_ms: 0.123,
        timestamp: '2026-11-22T08:00:00.000Z',
        model_name: 'die-defect',
        model_version: '1',
      },
    ],
  });

/** The answer for one die. */
export type Prediction = z.infer<typeof PredictionSchema>;

export const PredictionsSchema = z
  .object({
    predictions: z.array(PredictionSchema).describe('In the order of the dies sent'),
    count: z.int().min(1).describe('Number of predictions'),
  })
  .describe('What the gate says of every die sent');

/** The answer to a batch call. */
export type Predictions = z.infer<typeof PredictionsSchema>;
