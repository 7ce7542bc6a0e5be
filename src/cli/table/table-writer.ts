import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Cell } from '../../lots/part-columns.js';

/** FLOAT: numbers that are float32 in the file, such as limits. */
export type ColumnType = 'STRING' | 'INT32' | 'DOUBLE' | 'FLOAT';

/** Writes a table row by row: some columns of cells, then some of float32 values. */
interface TableWriter {
  /** @param values float32 [value columns], read before the call returns; NaN where there is none */
  row(cells: readonly Cell[], values: Float32Array): Promise<void>;
  finish(): Promise<void>;
}

export interface TableShape {
  readonly columns: readonly { readonly name: string; readonly type: ColumnType }[];
  readonly valueColumns: readonly { readonly name: string; readonly unit: string | undefined }[];
}

const CSV_BYTES_AT_ONCE = 256 * 1024;

/** RFC 4180; the unit of a value column is in its header, as `1000 vdd (V)`. */
export function openCsv(file: string, { columns, valueColumns }: TableShape): TableWriter {
  const stream = createWriteStream(file);
  const done = finished(stream);
  // Awaited in finish(): until then a failure must not count as unhandled.
  done.catch(() => {});
  let text = '';
  const flush = async () => {
    const piece = text;
    text = '';
    if (!stream.write(piece) && !stream.errored) await Promise.race([once(stream, 'drain'), done]);
  };
  const titles = valueColumns.map(({ name, unit }) => (unit === undefined ? name : `${name} (${unit})`));
  text = `${[...columns.map(({ name }) => name), ...titles].map(csvCell).join(',')}\r\n`;
  return {
    async row(cells, values) {
      for (let i = 0; i < cells.length; i++)
        text += `${i === 0 ? '' : ','}${textOf(cells[i], columns[i]?.type)}`;
      for (const value of values) text += Number.isNaN(value) ? ',' : `,${float32Text(value)}`;
      text += '\r\n';
      if (text.length > CSV_BYTES_AT_ONCE) await flush();
    },
    async finish() {
      await flush();
      stream.end();
      await done;
    },
  };
}

/** A float32 as values are written, so that a value at its limit is neither above nor below it. */
function textOf(value: Cell, type: ColumnType | undefined): string {
  return type === 'FLOAT' && typeof value === 'number' ? float32Text(value) : csvCell(value);
}

function csvCell(value: Cell): string {
  if (value === undefined) return '';
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The shortest of a few precisions that is the same float32 again: 1.1 and not 1.100000023841858. */
function float32Text(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return String(text);
  }
  return String(Number(value.toPrecision(9)));
}

const ROWS_OF_A_GROUP = 8192;

/**
 * Parquet, a group of rows at a time, so that memory does not grow with the table. Values are float32 as in
 * the file, NaN where there is none.
 */
export async function openParquet(file: string, { columns, valueColumns }: TableShape): Promise<TableWriter> {
  const { fileWriter, ParquetWriter, schemaFromColumnData } = await import('hyparquet-writer');
  const schema = schemaFromColumnData({
    columnData: [
      ...columns.map(({ name, type }) => ({ name, type, nullable: true, data: [] })),
      ...valueColumns.map(({ name }) => ({ name, type: 'FLOAT' as const, nullable: false, data: [] })),
    ],
  });
  const writer = new ParquetWriter({
    writer: fileWriter(file),
    schema,
    statistics: false,
    createdBy: 'diegate',
  });
  let rows = 0;
  let cellsOf: (Cell | null)[][] = columns.map(() => []);
  const values = valueColumns.map(() => new Float32Array(ROWS_OF_A_GROUP));

  async function writeGroup(): Promise<void> {
    if (rows === 0) return;
    await writer.write({
      columnData: [
        ...columns.map(({ name }, c) => ({ name, data: cellsOf[c] ?? [] })),
        // Measured values hardly pack, and packing them takes longer than reading the lot.
        ...valueColumns.map(({ name }, c) => ({
          name,
          data: values[c]?.subarray(0, rows) ?? [],
          codec: 'UNCOMPRESSED' as const,
          encoding: 'PLAIN' as const,
          offsetIndex: false,
        })),
      ],
      rowGroupSize: rows,
    });
    rows = 0;
    cellsOf = columns.map(() => []);
  }

  return {
    async row(cells, row) {
      for (let c = 0; c < cells.length; c++) cellsOf[c]?.push(cells[c] ?? null);
      for (let c = 0; c < row.length; c++) {
        const column = values[c];
        if (column !== undefined) column[rows] = row[c] ?? Number.NaN;
      }
      rows++;
      if (rows === ROWS_OF_A_GROUP) await writeGroup();
    },
    async finish() {
      await writeGroup();
      await writer.finish();
    },
  };
}
