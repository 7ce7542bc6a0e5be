import { z } from 'zod';
import { Refusal } from '../../errors.js';

export const ModelParamsSchema = z.object({ model: z.string().describe('Name of a model') });

export const VersionParamsSchema = ModelParamsSchema.extend({
  version: z.string().describe('Version of the model'),
});

export const PredictQuerySchema = z.object({
  explain: z.coerce
    .number({ error: 'expected a whole number of test parameters' })
    .int({ error: 'expected a whole number of test parameters' })
    .min(0, { error: 'expected 0 or more' })
    .max(512, { error: 'expected at most 512' })
    .optional()
    .describe('How many of the most contributing test parameters to return with each prediction'),
});

const DEADLINE = 'expected whole milliseconds from 1 to 600000';

export const PredictHeadersSchema = z.object({
  'x-deadline-ms': z
    .string()
    .regex(/^[1-9]\d{0,5}$/, { error: DEADLINE })
    .transform(Number)
    .refine((ms) => ms <= 600_000, { error: DEADLINE })
    .optional()
    .describe('Milliseconds from arrival within which the die must be run, else 504'),
});

/**
 * The deadline that a caller asks for in `x-deadline-ms`, milliseconds from arrival.
 * @throws Refusal `invalid_input`
 */
export function readDeadlineMs(headers: Record<string, string | string[] | undefined>): number | undefined {
  if (headers['x-deadline-ms'] === undefined) return undefined;
  return readPart(PredictHeadersSchema, headers, 'headers')['x-deadline-ms'];
}

/**
 * Reads a part of a request by its schema.
 * @throws Refusal `invalid_input` with a fault for each problem
 */
export function readPart<T extends z.ZodType>(schema: T, value: unknown, name: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.') || name, message }));
  throw new Refusal('invalid_input', `the ${name} of the request is not as expected`, { faults });
}
