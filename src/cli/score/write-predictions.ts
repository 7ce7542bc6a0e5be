import { createWriteStream } from 'node:fs';
import { extname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileWriter, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';
import { Fault } from '../../errors.js';
import { explanationText } from '../../lots/explanation.js';
import { COLUMNS, type PredictionRow } from './prediction-row.js';

/** Writes rows to a file. */
export type PredictionWriter = (file: string, rows: Iterable<PredictionRow>) => Promise<void>;

const WRITERS: ReadonlyMap<string, PredictionWriter> = new Map([
  ['.csv', (file, rows) => writeLines(file, csvLines(rows))],
  ['.ndjson', (file, rows) => writeLines(file, jsonLines(rows))],
  ['.parquet', (file, rows) => writeParquet(file, rows)],
]);

/**
 * The writer for a file's ending.
 * @throws Fault `invalid_usage` for any other ending
 */
export function writerFor(file: string): PredictionWriter {
  const writer = WRITERS.get(extname(file).toLowerCase());
  if (writer !== undefined) return writer;
  const known = [...WRITERS.keys()].join(', ');
  throw new Fault('invalid_usage', [`--out: found "${file}", expected a file that ends in ${known}`]);
}

const NAMES = keysOf(COLUMNS);

/** RFC 4180 with a header row; an explanation is one cell, its tests parted by "; ". */
function* csvLines(rows: Iterable<PredictionRow>): Generator<string, void, void> {
  yield `${NAMES.join(',')}\r\n`;
  for (const row of rows) yield `${NAMES.map((name) => csvCell(cellOf(row, name))).join(',')}\r\n`;
}

/** One JSON object a line; an explanation is an array of objects. */
function* jsonLines(rows: Iterable<PredictionRow>): Generator<string, void, void> {
  for (const row of rows) yield `${JSON.stringify(row)}\n`;
}

const ROWS_OF_A_GROUP = 4096;

/** A Parquet file, a group of rows at a time, so that no more of them are cells at once; an explanation is text, as in CSV. */
async function writeParquet(file: string, rows: Iterable<PredictionRow>): Promise<void> {
  const columns = NAMES.map((name) => ({ name, type: COLUMNS[name], nullable: true }));
  const schema = schemaFromColumnData({ columnData: columns.map((column) => ({ ...column, data: [] })) });
  const writer = new ParquetWriter({ writer: fileWriter(file), schema });
  for (const group of groupsOf(rows, ROWS_OF_A_GROUP)) {
    const columnData = NAMES.map((name) => ({ name, data: group.map((row) => cellOf(row, name)) }));
    await writer.write({ columnData, rowGroupSize: group.length });
  }
  await writer.finish();
}

function* groupsOf<T>(items: Iterable<T>, most: number): Generator<readonly T[], void, void> {
  let group: T[] = [];
  for (const item of items) {
    group.push(item);
    if (group.length < most) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

function cellOf(row: PredictionRow, name: keyof PredictionRow): string | number | null {
  if (name !== 'explanation') return row[name];
  return row.explanation === null ? null : row.explanation.map(explanationText).join('; ');
}

function csvCell(value: string | number | null): string {
  if (value === null) return '';
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const LINES_AT_ONCE = 256;

/** With back-pressure, and in pieces of many lines: one write for each line takes ten times as long. */
async function writeLines(file: string, lines: Iterable<string>): Promise<void> {
  function* pieces() {
    let piece: string[] = [];
    for (const line of lines) {
      piece.push(line);
      if (piece.length < LINES_AT_ONCE) continue;
      yield piece.join('');
      piece = [];
    }
    if (piece.length > 0) yield piece.join('');
  }
  await pipeline(Readable.from(pieces()), createWriteStream(file));
}

function keysOf<T extends object>(object: T): (keyof T & string)[] {
  const keys: (keyof T & string)[] = [];
  for (const key in object) keys.push(key);
  return keys;
}
