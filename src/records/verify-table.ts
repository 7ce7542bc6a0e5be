import { createHash } from 'node:crypto';
import type { ReadCheckpoint } from './checkpoint.js';
import { HASH_BYTES, leafHash } from './merkle.js';
import type { GateRecord, KeptRecord } from './record.js';
import { recordBytes } from './record-codec.js';
import { openTable, type SealedTable } from './table-file.js';

/** What the table of a sealed segment holds, and what of it is not as it was sealed. */
interface CheckedTable {
  readonly records: readonly GateRecord[];
  /** Hashes of the records as they are now, one behind another. */
  readonly leaves: Buffer;
  /** In the order of the records; one for each run of records that has been changed. */
  readonly problems: readonly string[];
}

/**
 * Compares the records of a table with the hashes that were kept of them and with the sequences that they must have.
 * @param leaves of the records as they were sealed
 */
export async function checkTable(
  path: string,
  checkpoint: ReadCheckpoint,
  leaves: Buffer,
): Promise<CheckedTable> {
  let table: SealedTable;
  try {
    table = await openTable(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const problem = `records ${checkpoint.first} to ${checkpoint.last} cannot be read: ${reason}`;
    return { records: [], leaves: Buffer.alloc(0), problems: [problem] };
  }
  const check = new TableCheck(checkpoint, leaves);
  try {
    let row = 0;
    for (const rows of table.groups) {
      try {
        check.take(await table.records(row, row + rows));
      } catch (error) {
        check.unreadable(row, rows, error);
      }
      row += rows;
    }
  } finally {
    table.close();
  }
  return check.end();
}

class TableCheck {
  readonly #checkpoint: ReadCheckpoint;
  readonly #expected: Buffer;
  readonly #records: GateRecord[] = [];
  readonly #leaves: Buffer[] = [];
  readonly #problems: string[] = [];
  #next: number;
  /** Of the records that were sealed, how many stand before the next one: the position of its hash. */
  #position = 0;
  /** Once records are missing or moved, positions say nothing any more. */
  #isInOrder = true;

  constructor(checkpoint: ReadCheckpoint, leaves: Buffer) {
    this.#checkpoint = checkpoint;
    this.#expected = leaves;
    this.#next = checkpoint.first;
  }

  take(kept: readonly KeptRecord[]): void {
    for (const { record, row } of kept) {
      this.#skipDamaged();
      const { sequence } = record;
      if (sequence !== this.#next && this.#isInOrder) {
        this.#problems.push(
          sequence > this.#next && sequence <= this.#checkpoint.last
            ? `record ${this.#next} is missing`
            : `record ${sequence} (${nameOf(record)}) stands where record ${this.#next} is expected`,
        );
        this.#isInOrder = false;
      }
      const leaf = leafHash(recordBytes(record));
      const at = this.#position * HASH_BYTES;
      if (this.#isInOrder && !leaf.equals(this.#expected.subarray(at, at + HASH_BYTES)))
        this.#changed(`record ${sequence} (${nameOf(record)}) is not the one that was sealed`);
      if (row !== undefined && hashOfRow(row) !== record.rowSha256)
        this.#changed(
          `record ${sequence} (${nameOf(record)}): its test_params are not those that were hashed`,
        );
      this.#records.push(record);
      this.#leaves.push(leaf);
      this.#position++;
      this.#next = sequence + 1;
    }
  }

  unreadable(row: number, rows: number, error: unknown): void {
    const from = this.#checkpoint.first + row;
    const reason = error instanceof Error ? error.message : String(error);
    this.#problems.push(`records ${from} to ${from + rows - 1} cannot be read: ${reason}`);
    this.#position += rows;
    this.#next += rows;
  }

  end(): CheckedTable {
    this.#skipDamaged();
    const { last, records } = this.#checkpoint;
    if (this.#isInOrder && this.#next <= last) this.#problems.push(`record ${this.#next} is missing`);
    else if (this.#problems.length === 0 && this.#records.length !== records)
      this.#problems.push(`it holds ${this.#records.length} records, expected ${records}`);
    return { records: this.#records, leaves: Buffer.concat(this.#leaves), problems: this.#problems };
  }

  /** Records that were damaged before the segment was sealed are in no table. */
  #skipDamaged(): void {
    for (const [from, to] of this.#checkpoint.damaged) if (this.#next === from) this.#next = to + 1;
  }

  #changed(problem: string): void {
    // The first few say where; who changed thousands is found by the first.
    if (this.#problems.length < 20) this.#problems.push(problem);
  }
}

function nameOf({ kind, dieId }: GateRecord): string {
  return dieId === undefined ? kind : `${kind} of die "${dieId}"`;
}

function hashOfRow(row: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(row.buffer, row.byteOffset, row.byteLength))
    .digest('hex');
}
