import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { Fault } from '../../errors.js';

const RowsSchema = z.array(
  z.object({
    lot_id: z.string().default(''),
    wafer_id: z.string().default(''),
    x: z.string(),
    y: z.string(),
    outcome: z.enum(['pass', 'fail']),
  }),
);

/** What a later insertion said of dies, by {@link outcomeKey}. */
export type LaterOutcomes = ReadonlyMap<string, 'pass' | 'fail'>;

/** Who a die is: its place on its wafer. */
export function outcomeKey(lot: string, wafer: string, x: number, y: number): string {
  return [lot.trim(), wafer.trim(), x, y].join('|');
}

/**
 * Reads a CSV with the columns lot_id, wafer_id, x, y, outcome (pass or fail).
 * @throws Fault `invalid_data` naming the file, the row and what was expected
 */
export async function readOutcomes(path: string): Promise<LaterOutcomes> {
  const rows = RowsSchema.safeParse(await rowsOf(path));
  if (!rows.success) {
    throw new Fault(
      'invalid_data',
      rows.error.issues
        .slice(0, 10)
        .map(
          ({ path: [row, column], message }) =>
            `${path}, row ${Number(row) + 1}, ${String(column)}: ${message}`,
        ),
    );
  }
  const outcomes = new Map<string, 'pass' | 'fail'>();
  rows.data.forEach(({ lot_id, wafer_id, x, y, outcome }, i) => {
    const [column, row] = [x, y].map((text) => (/^-?\d{1,6}$/.test(text.trim()) ? Number(text) : Number.NaN));
    if (Number.isNaN(column) || Number.isNaN(row)) {
      throw new Fault('invalid_data', [
        `${path}, row ${i + 1}: found x "${x}", y "${y}", expected whole numbers`,
      ]);
    }
    outcomes.set(outcomeKey(lot_id, wafer_id, column, row), outcome);
  });
  return outcomes;
}

async function rowsOf(path: string): Promise<unknown> {
  try {
    return parse(await readFile(path, 'utf8'), { columns: true, bom: true, skip_empty_lines: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_data', [`${path}: ${reason}`], error);
  }
}
