import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { PassThrough, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { CsvError, parse } from 'csv-parse';
import { z } from 'zod';
import { Fault } from '../../errors.js';
import type { ColumnOptions } from './columns.js';
import type { DieSource, DieTable } from './die-table.js';
import { rowSelector } from './ranges.js';
import { createTableBuilder } from './table-builder.js';

export interface ReadOptions extends ColumnOptions {
  /** Rows to take, from 1 over all files, such as `1..300`; by default all. */
  readonly rows?: string | undefined;
  /** Told the number of dies read so far, now and then. */
  readonly onProgress?: ((dies: number) => void) | undefined;
}

const RecordSchema = z.object({ record: z.array(z.string()), info: z.object({ lines: z.number() }) });

/**
 * Reads the dies of CSV files (`.gz` is unpacked on the way), streaming: memory is the table's, not
 * the text's. Throws a {@link Fault} that names file, line and column for whatever cannot be read.
 */
export async function readDieTable(paths: readonly string[], options: ReadOptions = {}): Promise<DieTable> {
  const selected = rowSelector(options.rows);
  const builder = createTableBuilder(options);
  const sources: DieSource[] = [];
  let row = 0;
  for (const path of paths) {
    const file = basename(path);
    let dies = 0;
    let headerSeen = false;
    const sha256 = await readRecords(path, (fields, line) => {
      if (!headerSeen) {
        headerSeen = true;
        builder.header(file, fields);
        return;
      }
      row += 1;
      if (!selected(row)) return;
      dies += 1;
      builder.die(file, line, fields);
      if (row % 500 === 0) options.onProgress?.(row);
    });
    if (!headerSeen) throw new Fault('invalid_data', [`${path}: empty, expected a header row`]);
    sources.push({ name: file, sha256, dies });
  }
  return builder.finish(sources);
}

/** Calls `take` for each record of a CSV file; the answer is the SHA-256 of its text. */
async function readRecords(
  path: string,
  take: (fields: readonly string[], line: number) => void,
): Promise<string> {
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
