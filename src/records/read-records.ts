import { readFile } from 'node:fs/promises';
import { parseCheckpoint } from './checkpoint.js';
import { readSegmentBytes } from './open-segment.js';
import type { KeptRecord } from './record.js';
import { decodeRecord } from './record-codec.js';
import { findSegments, segmentFile } from './segment-files.js';
import { openTable } from './table-file.js';

interface ReadRecordsOptions {
  /** Milliseconds since 1970: segments that ended before are left out; the records of others are all given. */
  readonly sinceMs?: number | undefined;
}

/**
 * All records of a folder, in order, some thousands at a time: sealed segments and open ones, also while a server writes to
 * them. Segments whose records have left are passed over.
 * @throws Error where a segment cannot be read
 */
export async function* readRecords(
  folder: string,
  { sinceMs = Number.NEGATIVE_INFINITY }: ReadRecordsOptions = {},
): AsyncGenerator<readonly KeptRecord[]> {
  const { sealed, open, withRecords } = await findSegments(folder);
  for (const segment of sealed) {
    if (!withRecords.includes(segment)) continue;
    const note = await readFile(segmentFile(folder, segment, 'checkpoint'), 'utf8');
    if (Date.parse(parseCheckpoint(note)?.to ?? '') < sinceMs) continue;
    const table = await openTable(segmentFile(folder, segment, 'parquet'));
    try {
      let row = 0;
      for (const rows of table.groups) {
        yield await table.records(row, row + rows);
        row += rows;
      }
    } finally {
      table.close();
    }
  }
  for (const segment of open) {
    if (sealed.includes(segment)) continue;
    const { entries } = readSegmentBytes(await readFile(segmentFile(folder, segment, 'open')));
    yield entries.flatMap(({ record, row }): KeptRecord[] => {
      const read = decodeRecord(record);
      return read === undefined ? [] : [{ record: read, row: rowOfBytes(row) }];
    });
  }
}

/** The row of an entry, in memory of its own, which begins where a float32 may; undefined where none was kept. */
export function rowOfBytes(bytes: Uint8Array): Float32Array | undefined {
  return bytes.length === 0 ? undefined : new Float32Array(new Uint8Array(bytes).buffer);
}
