import { readFile } from 'node:fs/promises';
import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { Fault } from '../../errors.js';
import { type Parameter, ParameterSchema } from '../../models/manifest/input-schema.js';

/** Columns of a parameter table: what a test program's limits file says of each test. */
const COLUMNS = ['name', 'unit', 'test_number', 'low_limit', 'high_limit'] as const;

/** What is known of a parameter beyond its measured values. */
export type ParameterFacts = Omit<Parameter, 'expected'>;

const cellNumber = z
  .string()
  .transform((cell) => (cell.trim() === '' ? undefined : Number(cell)))
  .pipe(z.number().optional());

const RowsSchema = z.array(
  z.object({
    name: z.string(),
    unit: z.string().default(''),
    test_number: cellNumber.optional(),
    low_limit: cellNumber.optional(),
    high_limit: cellNumber.optional(),
  }),
);

/** The text of a parameter table, a CSV with the columns name, unit, test_number, low_limit, high_limit. */
export function parameterTableAsCsv(parameters: readonly ParameterFacts[]): string {
  const rows = parameters.map(({ name, unit, testNumber, lowLimit, highLimit }) =>
    [name, unit, testNumber, lowLimit, highLimit].map((cell) => cell ?? '').join(','),
  );
  return `${[COLUMNS.join(','), ...rows].join('\n')}\n`;
}

/** Reads a parameter table by parameter name; only the column `name` must be there. */
export async function readParameterTable(path: string): Promise<ReadonlyMap<string, ParameterFacts>> {
  const rows = RowsSchema.safeParse(parseCsv(path, await readText(path)));
  if (!rows.success) throw new Fault('invalid_data', describe(path, rows.error));
  const facts = new Map<string, ParameterFacts>();
  rows.data.forEach((row, i) => {
    const parameter = ParameterSchema.safeParse({
      name: row.name,
      ...(row.unit !== '' && { unit: row.unit }),
      ...(row.test_number !== undefined && { testNumber: row.test_number }),
      ...(row.low_limit !== undefined && { lowLimit: row.low_limit }),
      ...(row.high_limit !== undefined && { highLimit: row.high_limit }),
    });
    if (!parameter.success)
      throw new Fault('invalid_data', describe(`${path}, row ${i + 1}`, parameter.error));
    if (facts.has(row.name))
      throw new Fault('invalid_data', [`${path}: parameter "${row.name}" comes twice`]);
    facts.set(row.name, parameter.data);
  });
  return facts;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Fault(
      'invalid_data',
      [`${path}: ${error instanceof Error ? error.message : String(error)}`],
      error,
    );
  }
}

function parseCsv(path: string, text: string): unknown {
  try {
    return parse(text, { bom: true, columns: true, skip_empty_lines: true });
  } catch (error) {
    if (error instanceof CsvError) throw new Fault('invalid_data', [`${path}: ${error.message}`], error);
    throw error;
  }
}

function describe(where: string, { issues }: z.ZodError): string[] {
  return issues.slice(0, 20).map(({ path, message }) => `${where}, ${path.join('.')}: ${message}`);
}
