import type { ParquetWriter as Writer } from 'hyparquet-writer';
import type { Cell, TestColumn } from '../../lots/part-columns.js';
import type { ColumnType } from './table-writer.js';

type ColumnChunk = Writer['row_groups'][number]['columns'][number];

/** Values of a group of rows, at most, as float32; and rows, however few columns there are. */
const VALUES_OF_A_GROUP = 2 * 1024 * 1024;
const MOST_ROWS = 4096;
const LEAST_ROWS = 64;
/** While nobody knows how many columns there will be. */
const FIRST_ROWS = 256;

/**
 * A Parquet file whose columns of values are told only when all of it has been written: a test that comes late
 * is a column from its group of rows on, and the groups before get one of NaN at the end of the file. (A footer
 * says where each chunk of a column stands, so chunks of a group need not be beside each other.)
 */
interface ParquetOfParts {
  /** Float32 by column and row of the group: to be written to at `row`; NaN where nothing was. */
  readonly values: readonly Float32Array[];
  /** The row of the group that is being filled. */
  readonly row: number;
  /** Makes room for so many columns. */
  hold(columns: number): void;
  /** Ends the row; these are its cells. */
  endRow(cells: readonly Cell[]): void;
  /** @param from by the columns of the table the one in which its values stand, -1 for none */
  finish(columns: readonly TestColumn[], from: Int32Array): void;
}

export async function openParquetOfParts(
  file: string,
  shape: readonly { readonly name: string; readonly type: ColumnType }[],
): Promise<ParquetOfParts> {
  const { ByteWriter, fileWriter, ParquetWriter, schemaFromColumnData } = await import('hyparquet-writer');
  const schemaOf = (names: readonly string[]) =>
    schemaFromColumnData({
      columnData: [
        ...shape.map(({ name, type }) => ({ name, type, nullable: true, data: [] })),
        ...names.map((name) => ({ name, type: 'FLOAT' as const, nullable: false, data: [] })),
      ],
    });
  const bytes = fileWriter(file);
  const writer = new ParquetWriter({
    writer: bytes,
    schema: schemaOf([]),
    statistics: false,
    createdBy: 'diegate',
  });
  let room = FIRST_ROWS;
  let cellsOf: (Cell | null)[][] = shape.map(() => []);
  const values: Float32Array[] = [];

  /** What stands before the values of a column of so many rows, and what the footer says of it. */
  function templateOf(rows: number) {
    const name = 'value';
    const schema = schemaFromColumnData({ columnData: [{ name, type: 'FLOAT', nullable: false, data: [] }] });
    const sample = new ByteWriter();
    const one = new ParquetWriter({ writer: sample, schema, statistics: false, codec: 'UNCOMPRESSED' });
    const data = new Float32Array(rows);
    one.write({ columnData: [{ name, data, encoding: 'PLAIN' }], rowGroupSize: rows, pageSize: 0 });
    const meta = one.row_groups[0]?.columns[0]?.meta_data;
    if (meta === undefined) throw new Error('a column was written without its metadata');
    const begin = Number(meta.data_page_offset);
    const end = begin + Number(meta.total_compressed_size) - data.byteLength;
    return { header: sample.getBytes().slice(begin, end), meta };
  }
  let template: (ReturnType<typeof templateOf> & { readonly rows: number }) | undefined;

  /**
   * Writes the values of a column for one group of rows, as one plain page. The library writes one such column,
   * and the others differ from it by their values only: number by number it takes as long as reading the lot.
   */
  function writeValues(column: Float32Array): ColumnChunk {
    const rows = column.length;
    if (template?.rows !== rows) template = { rows, ...templateOf(rows) };
    const { header, meta } = template;
    const offset = BigInt(bytes.offset);
    bytes.appendBytes(header);
    bytes.appendBytes(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
    return { file_offset: offset, meta_data: { ...meta, data_page_offset: offset } };
  }

  function writeGroup(): void {
    const rows = table.row;
    if (rows === 0) return;
    writer.write({
      columnData: shape.map(({ name }, c) => ({ name, data: cellsOf[c] ?? [] })),
      rowGroupSize: rows,
    });
    const group = writer.row_groups.at(-1);
    for (const column of values) group?.columns.push(writeValues(column.subarray(0, rows)));
    table.row = 0;
    cellsOf = shape.map(() => []);
    makeRoom();
  }

  function makeRoom(): void {
    const fitting = Math.floor(VALUES_OF_A_GROUP / Math.max(1, values.length));
    const next = Math.min(MOST_ROWS, Math.max(LEAST_ROWS, fitting));
    for (let c = 0; c < values.length; c++) {
      if (next !== room) values[c] = new Float32Array(next);
      values[c]?.fill(Number.NaN);
    }
    room = next;
  }

  /** Gives each group the columns of the table, in their order and by their names. */
  function arrange(columns: readonly TestColumn[], from: Int32Array): void {
    for (const group of writer.row_groups) {
      const written = group.columns.splice(shape.length);
      const none = new Float32Array(Number(group.num_rows)).fill(Number.NaN);
      columns.forEach(({ name }, c) => {
        const { meta_data, ...chunk } = written[from[c] ?? -1] ?? writeValues(none);
        if (meta_data === undefined) throw new Error(`no metadata of column ${name}`);
        group.columns.push({ ...chunk, meta_data: { ...meta_data, path_in_schema: [name] } });
      });
      const chunks = group.columns.map(({ meta_data }) => meta_data);
      group.total_byte_size = sum(chunks.map((chunk) => chunk?.total_uncompressed_size));
      group.total_compressed_size = sum(chunks.map((chunk) => chunk?.total_compressed_size));
    }
  }

  const table = {
    values,
    row: 0,
    hold(columns: number) {
      while (values.length < columns) values.push(new Float32Array(room).fill(Number.NaN));
    },
    endRow(cells: readonly Cell[]) {
      for (let c = 0; c < cells.length; c++) cellsOf[c]?.push(cells[c] ?? null);
      table.row++;
      if (table.row === room) writeGroup();
    },
    finish(columns: readonly TestColumn[], from: Int32Array) {
      writeGroup();
      arrange(columns, from);
      writer.schema = schemaOf(columns.map(({ name }) => name));
      writer.kvMetadata = [{ key: 'diegate_columns', value: JSON.stringify(columns) }];
      writer.finish();
    },
  };
  return table;
}

function sum(sizes: readonly (bigint | undefined)[]): bigint {
  return sizes.reduce<bigint>((total, size) => total + (size ?? 0n), 0n);
}
