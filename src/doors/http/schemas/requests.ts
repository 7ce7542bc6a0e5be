import { z } from 'zod';
import { Refusal } from '../../../errors.js';
import { DeadlineSchema } from '../../../exchange/message.js';
import { faultPath } from '../../../rows/decode/refusals.js';
import { schemaFaults } from '../../../schema-faults.js';

export const ModelParamsSchema = z.object({ model: z.string().describe('Name of a model') });

export const VersionParamsSchema = ModelParamsSchema.extend({
  version: z.string().describe('Version of the model'),
});

// Enough for every parameter of the models that there are; the predictor bounds dies × parameters.
const MAX_EXPLAIN = 65_536;

// Each of them runs: as many as may be worth comparing for one die.
const MAX_MODELS = 16;
const MODELS = /^[^/,]{1,64}(?:\/[^/,]{1,10})?(?:,[^/,]{1,64}(?:\/[^/,]{1,10})?){0,15}$/;

const modelsError = ({ input }: { input: unknown }) =>
  `expected 1 to ${MAX_MODELS} models as "a,b" or with versions "a,b/2", found "${String(input).slice(0, 40)}"`;

export const PredictQuerySchema = z.object({
  explain: z
    .string()
    .regex(/^\d{1,5}$/, {
      error: ({ input }) =>
        `expected a whole number of test parameters from 0 to ${MAX_EXPLAIN}, found "${String(input).slice(0, 40)}"`,
    })
    .transform(Number)
    .pipe(z.int().max(MAX_EXPLAIN))
    .optional()
    .describe('How many of the most contributing test parameters to return with each prediction'),
  models: z
    .string()
    .regex(MODELS, { error: modelsError })
    .transform((text) =>
      text.split(',').map((one) => {
        const [model, version] = one.split('/', 2);
        return { model, version };
      }),
    )
    .refine(
      (models) => new Set(models.map(({ model, version }) => `${model}/${version}`)).size === models.length,
      {
        error: `expected each of the models once`,
      },
    )
    .optional()
    .describe(
      'Models that are all to answer, such as "a,b/2": they read the same parameters. The answer is then a list, of each die one prediction by each model',
    ),
});

const context = (of: string) =>
  z.string().optional().describe(`${of} of all dies of a binary body, percent-encoded`);

const ContextHeadersShape = {
  'x-lot-id': context('Lot'),
  'x-wafer-id': context('Wafer'),
  'x-equipment-id': context('Equipment'),
  'x-stdf-file': context('STDF file'),
  'x-insertion': context('Test step'),
  'x-touchdown': context('Number of the touchdown'),
};

export const PredictHeadersSchema = z.object({
  'x-deadline-ms': DeadlineSchema,
  'x-request-id': z
    .string()
    .optional()
    .describe('Returned with the answer and in every log line; made if absent'),
  'x-die-id': z.string().optional().describe('Id of the die of a binary body, percent-encoded'),
  ...ContextHeadersShape,
  'x-x': z.string().optional().describe('Column of the die of a binary body, STDF X_COORD'),
  'x-y': z.string().optional().describe('Row of the die of a binary body, STDF Y_COORD'),
});

/** Headers of a batch call: as those of one die, but for the ids. */
export const PredictBatchHeadersSchema = PredictHeadersSchema.omit({
  'x-die-id': true,
  'x-x': true,
  'x-y': true,
}).extend({
  'x-die-ids': z
    .string()
    .optional()
    .describe('Ids of the dies of a binary body, separated by commas, percent-encoded; made if absent'),
});

/**
 * Reads a part of a request by its schema.
 * @throws Refusal `invalid_input` with a fault for each problem
 */
export function readPart<T extends z.ZodType>(schema: T, value: unknown, name: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = schemaFaults(value, parsed.error.issues).map(({ path, message }) => ({
    path: faultPath(path) || name,
    message,
  }));
  const [first] = faults;
  throw new Refusal('invalid_input', `${first?.path ?? name}: ${first?.message ?? 'not as expected'}`, {
    faults,
  });
}
