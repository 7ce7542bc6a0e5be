import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { Fault } from '../errors.js';
import { AS_WRITTEN, renameKey, type TestNaming } from '../lots/tests/test-identity.js';

/** The options of a command that say how tests of lots are called. */
export interface NamingArguments {
  /** CSV file of tests that are called otherwise in the lots. */
  readonly map?: string | undefined;
  /** Regular expression of what is taken out of names. */
  readonly stripName?: string | undefined;
}

/** What `--map` and `--strip-name` are for, for `--help`. */
export const NAMING_HELP = {
  map: 'CSV with test_number, test_name, new_number, new_name: tests of the lots that the model calls otherwise',
  stripName: "regular expression of what to take out of the lots' test names, such as '_site[0-9]+$'",
} as const;

const wholeNumber = z
  .string()
  .trim()
  .regex(/^\d{1,10}$/, 'expected a whole number')
  .transform(Number)
  .refine((value) => value <= 0xffffffff, 'expected at most 4294967295');

/** One renamed test; an empty new number or name stays as it is. */
const RowsSchema = z.array(
  z.object({
    test_number: wholeNumber,
    test_name: z.string(),
    new_number: z.union([z.literal('').transform(() => undefined), wholeNumber]).optional(),
    new_name: z
      .string()
      .transform((name) => (name.trim() === '' ? undefined : name.trim()))
      .optional(),
  }),
);

/**
 * @param stripped what the model was trained with, where the options say nothing
 * @throws Fault `invalid_usage` for what is no regular expression, `invalid_data` for a table that cannot be read
 */
export async function readTestNaming(
  { map, stripName }: NamingArguments,
  stripped?: string,
): Promise<TestNaming> {
  const pattern = stripName ?? stripped;
  return {
    strip: pattern === undefined ? AS_WRITTEN.strip : regExpOf(pattern),
    renamed: map === undefined ? AS_WRITTEN.renamed : await readRenamed(map),
  };
}

function regExpOf(pattern: string): RegExp {
  try {
    return new RegExp(pattern, 'gu');
  } catch (error) {
    throw new Fault(
      'invalid_usage',
      [`--strip-name: found "${pattern}", expected a regular expression`],
      error,
    );
  }
}

async function readRenamed(file: string): Promise<TestNaming['renamed']> {
  const rows = RowsSchema.safeParse(await readRows(file));
  if (!rows.success) {
    throw new Fault(
      'invalid_data',
      rows.error.issues.slice(0, 20).map(({ path: [row, column], message }) => {
        const where = typeof row === 'number' ? `, row ${row + 1}` : '';
        return `${file}${where}, ${String(column)}: ${message}`;
      }),
    );
  }
  const renamed = new Map<string, { readonly testNumber: number; readonly testName: string }>();
  rows.data.forEach(({ test_number, test_name, new_number, new_name }, row) => {
    const key = renameKey(test_number, test_name);
    if (renamed.has(key))
      throw new Fault('invalid_data', [`${file}, row ${row + 1}: test ${key} comes twice`]);
    renamed.set(key, { testNumber: new_number ?? test_number, testName: new_name ?? test_name.trim() });
  });
  return renamed;
}

async function readRows(file: string): Promise<unknown> {
  try {
    return parse(await readFile(file, 'utf8'), { bom: true, columns: true, skip_empty_lines: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_data', [`--map ${file} cannot be read: ${reason}`], error);
  }
}
