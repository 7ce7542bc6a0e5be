import type { z } from 'zod';
import { parseJson } from '../../../rows/decode/plain.js';
import { faultPath, invalidInput } from '../../../rows/decode/refusals.js';
import { schemaFaults } from '../../../schema-faults.js';

/**
 * A JSON body by its schema.
 * @throws Refusal `invalid_json`, or `invalid_input` with a fault for each problem
 */
export function readJson<T extends z.ZodType>(schema: T, bytes: Buffer): z.output<T> {
  const json = parseJson(bytes);
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const faults = schemaFaults(json, parsed.error.issues);
  throw invalidInput(faults.map(({ path, message }) => ({ path: faultPath(path), message })));
}

/** As {@link readJson}, for a body that may be left out. */
export function readOptionalJson<T extends z.ZodType>(schema: T, bytes: Buffer | undefined): z.output<T> {
  return readJson(schema, bytes === undefined || bytes.length === 0 ? EMPTY_OBJECT : bytes);
}

const EMPTY_OBJECT = Buffer.from('{}');
