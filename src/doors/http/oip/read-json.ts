import type { z } from 'zod';
import { parseJson } from '../../../rows/decode/plain.js';
import { faultPath, invalidInput } from '../../../rows/decode/refusals.js';

/**
 * A JSON body by its schema.
 * @throws Refusal `invalid_json`, or `invalid_input` with a fault for each problem
 */
export function readJson<T extends z.ZodType>(schema: T, bytes: Buffer): z.output<T> {
  const parsed = schema.safeParse(parseJson(bytes));
  if (parsed.success) return parsed.data;
  throw invalidInput(parsed.error.issues.map(({ path, message }) => ({ path: faultPath(path), message })));
}

/** As {@link readJson}, for a body that may be left out. */
export function readOptionalJson<T extends z.ZodType>(schema: T, bytes: Buffer | undefined): z.output<T> {
  return readJson(schema, bytes === undefined || bytes.length === 0 ? EMPTY_OBJECT : bytes);
}

const EMPTY_OBJECT = Buffer.from('{}');
