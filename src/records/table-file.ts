import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { AsyncBuffer, FileMetaData } from 'hyparquet';
import { RECORD_SCHEMA_OVERRIDES, recordColumns, recordOfRow } from './parquet-records.js';
import type { KeptRecord } from './record.js';

/** The table of a sealed segment, open for reading. */
export interface SealedTable {
  /** Rows of the groups that are read together, in order. */
  readonly groups: readonly number[];
  /**
   * Records by their rows, `from` included and `to` not.
   * @throws Error where the table is damaged there
   */
  records(from: number, to: number): Promise<KeptRecord[]>;
  close(): void;
}

/**
 * Opens the table of a sealed segment.
 * @throws Error where it is none
 */
export async function openTable(path: string): Promise<SealedTable> {
  const { parquetMetadataAsync, parquetReadObjects } = await import('hyparquet');
  const fd = openSync(path, 'r');
  const byteLength = fstatSync(fd).size;
  const file: AsyncBuffer = {
    byteLength,
    slice(start, end = byteLength) {
      const bytes = new ArrayBuffer(Math.max(0, end - start));
      readSync(fd, new Uint8Array(bytes), 0, bytes.byteLength, start);
      return bytes;
    },
  };
  let metadata: FileMetaData;
  try {
    metadata = await parquetMetadataAsync(file);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    groups: metadata.row_groups.map(({ num_rows }) => Number(num_rows)),
    async records(rowStart, rowEnd) {
      // As bytes: what is no text would be read as such.
      const rows = await parquetReadObjects({
        file,
        metadata,
        rowStart,
        rowEnd,
        utf8: false,
        geoparquet: false,
        useOffsetIndex: true,
      });
      return rows.map(recordOfRow);
    },
    close: () => closeSync(fd),
  };
}

/** Rows of a group: what one look-up has to read of each column. */
export const ROWS_OF_A_GROUP = 4096;

/** Writes records as a table, {@link ROWS_OF_A_GROUP} at a time. */
export async function writeRecordTable(path: string, groups: Iterable<readonly KeptRecord[]>): Promise<void> {
  const { fileWriter, ParquetWriter, schemaFromColumnData } = await import('hyparquet-writer');
  const schema = schemaFromColumnData({
    columnData: recordColumns([]),
    schemaOverrides: { ...RECORD_SCHEMA_OVERRIDES },
  });
  const writer = new ParquetWriter({
    writer: fileWriter(path),
    schema,
    statistics: false,
    createdBy: 'diegate',
  });
  for (const group of groups)
    await writer.write({ columnData: recordColumns(group), rowGroupSize: ROWS_OF_A_GROUP });
  await writer.finish();
}
