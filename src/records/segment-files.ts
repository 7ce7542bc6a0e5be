import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The files of a folder of records. A segment that is written to is `<number>.open`; sealed, it is `.parquet` (the
 * records), `.leaves` (their hashes), `.index` (where which die is) and `.checkpoint` (what its root is, signed).
 */
export const SEALED_PARTS = ['parquet', 'leaves', 'index', 'checkpoint'] as const;
type SegmentPart = (typeof SEALED_PARTS)[number] | 'open';

const DIGITS = 8;

/** `00000012.parquet`. */
export function segmentFile(folder: string, segment: number, part: SegmentPart): string {
  return join(folder, `${String(segment).padStart(DIGITS, '0')}.${part}`);
}

/** The segments of a folder by their numbers, in order. */
interface FoundSegments {
  /** Those that have a checkpoint, which is written last. */
  readonly sealed: readonly number[];
  /** Those that are written to, or were when the process ended. */
  readonly open: readonly number[];
  /** Those whose records are there, and have not left. */
  readonly withRecords: readonly number[];
  /** Every number of which there is any file. */
  readonly all: readonly number[];
}

/** Looks for the segments of a folder. */
export async function findSegments(folder: string): Promise<FoundSegments> {
  const sealed = new Set<number>();
  const open = new Set<number>();
  const withRecords = new Set<number>();
  const all = new Set<number>();
  for (const name of await readdir(folder)) {
    const found = /^(\d{8,15})\.(open|parquet|leaves|index|checkpoint)$/.exec(name);
    if (found === null) continue;
    const segment = Number(found[1]);
    all.add(segment);
    if (found[2] === 'checkpoint') sealed.add(segment);
    if (found[2] === 'parquet') withRecords.add(segment);
    if (found[2] === 'open') open.add(segment);
  }
  const inOrder = (numbers: Set<number>) => [...numbers].sort((a, b) => a - b);
  return {
    sealed: inOrder(sealed),
    open: inOrder(open),
    withRecords: inOrder(withRecords),
    all: inOrder(all),
  };
}
