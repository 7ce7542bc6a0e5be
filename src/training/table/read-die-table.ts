import { basename } from 'node:path';
import { Fault } from '../../errors.js';
import type { DieSource, DieTable } from './die-table.js';
import { rowSelector } from './ranges.js';
import { createTableBuilder, type TableOptions } from './table-builder.js';
import { readTableRecords } from './table-records.js';

export interface ReadOptions extends TableOptions {
  /** Rows to take, from 1 over all files, such as `1..300`; by default all. */
  readonly rows?: string | undefined;
  /** Told the number of dies read so far, now and then. */
  readonly onProgress?: ((dies: number) => void) | undefined;
}

/**
 * Reads the dies of CSV files (`.gz` is unpacked on the way) and Parquet files, streaming: memory is the table's,
 * not the text's. Throws a {@link Fault} that names file, line and column for whatever cannot be read.
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
    const sha256 = await readTableRecords(path, (fields, line) => {
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
