import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { PassThrough, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { CsvError, parse } from 'csv-parse';
import { z } from 'zod';
import { Fault } from '../../errors.js';

/** Told of each record, the header first; `line` is the line of a CSV, the row with the header of a Parquet file. */
type TakeRecord = (fields: readonly string[], line: number) => void;

const RecordSchema = z.object({ record: z.array(z.string()), info: z.object({ lines: z.number() }) });

/**
 * Calls `take` for each record of a table: a CSV (`.gz` is unpacked on the way), or a Parquet file, whose cells
 * become the text that a CSV would have.
 * @returns SHA-256, lower-case hex: of a CSV's text, of a Parquet file as it lies
 * @throws Fault `invalid_data` naming the file where it cannot be read
 */
export async function readTableRecords(path: string, take: TakeRecord): Promise<string> {
  return (await isParquet(path)) ? readParquetRecords(path, take) : readCsvRecords(path, take);
}

/** Whether a file is a table by its name or, a Parquet file, by its first bytes. */
export async function isTable(path: string): Promise<boolean> {
  return /\.csv(?:\.gz)?$/i.test(path) || (await isParquet(path));
}

const PARQUET = 'PAR1';

async function isParquet(path: string): Promise<boolean> {
  if (/\.parquet$/i.test(path)) return true;
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return false;
  try {
    // What a pipe gives is gone once it is read.
    if (!(await file.stat()).isFile()) return false;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(PARQUET.length), 0, PARQUET.length, 0);
    return buffer.toString('latin1', 0, bytesRead) === PARQUET;
  } finally {
    await file.close();
  }
}

/** Row group by row group, as they are in memory one at a time. */
async function readParquetRecords(path: string, take: TakeRecord): Promise<string> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import(
    'hyparquet'
  );
  try {
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file);
    const names = parquetSchema(metadata).children.map(({ element }) => element.name);
    take(names, 1);
    let row = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = row + Number(group.num_rows);
      const rows = await parquetReadObjects({ file, metadata, rowStart: row, rowEnd });
      for (const record of rows) {
        row++;
        take(
          names.map((name) => cellText(record[name])),
          row + 1,
        );
      }
    }
  } catch (error) {
    if (error instanceof Fault) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_data', [`${path} cannot be read as Parquet: ${reason}`], error);
  }
  return sha256Of(path);
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return Number.isNaN(value) ? '' : String(value);
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  const source: AsyncIterable<Uint8Array> = createReadStream(path);
  for await (const chunk of source) hash.update(chunk);
  return hash.digest('hex');
}

/** Calls `take` for each record; the answer is the SHA-256 of the text. */
async function readCsvRecords(path: string, take: TakeRecord): Promise<string> {
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const parser = parse({ bom: true, info: true, relax_column_count: true, skip_empty_lines: true });
  // Whoever throws inside a pipeline aborts it, and the abort may be reported in its stead.
  let thrown: unknown;
  try {
    await pipeline(
      createReadStream(path, { highWaterMark: 1 << 18 }),
      path.endsWith('.gz') ? createGunzip() : new PassThrough(),
      hashing,
      parser,
      async (records: AsyncIterable<unknown>) => {
        try {
          for await (const item of records) {
            const { record, info } = RecordSchema.parse(item);
            take(record, info.lines);
          }
        } catch (error) {
          thrown ??= error;
          throw error;
        }
      },
    );
  } catch (reported) {
    const error = thrown ?? reported;
    if (error instanceof Fault) throw error;
    if (error instanceof CsvError || isSystemError(error)) {
      throw new Fault('invalid_data', [`${path}: ${error.message}`], error);
    }
    throw error;
  }
  return hash.digest('hex');
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error;
}
