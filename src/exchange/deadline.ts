import { z } from 'zod';
import type { Headers } from '../rows/decode/headers.js';
import { invalidInput } from '../rows/decode/refusals.js';

const MAX_DEADLINE_MS = 600_000;

const deadlineError = ({ input }: { input: unknown }) =>
  `expected whole milliseconds from 1 to ${MAX_DEADLINE_MS}, found "${String(input).slice(0, 40)}"`;

/** The header of a deadline, as every door takes it: milliseconds as text. */
export const DeadlineSchema = z
  .string()
  .regex(/^[1-9]\d{0,5}$/, { error: deadlineError })
  .transform(Number)
  .refine((ms) => ms <= MAX_DEADLINE_MS, { error: deadlineError })
  .optional()
  .describe('Milliseconds from arrival within which the dies must be scored, else 504');

/**
 * The deadline that a caller asks for in `x-deadline-ms`, milliseconds from arrival.
 * @throws Refusal `invalid_input`
 */
export function readDeadlineMs({ 'x-deadline-ms': given }: Headers): number | undefined {
  if (given === undefined) return undefined;
  const read = DeadlineSchema.safeParse(given);
  if (read.success) return read.data;
  throw invalidInput([
    { path: 'x-deadline-ms', message: read.error.issues[0]?.message ?? deadlineError({ input: given }) },
  ]);
}
