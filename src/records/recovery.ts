import { readFile, rm } from 'node:fs/promises';
import { parseCheckpoint } from './checkpoint.js';
import { readSegmentBytes } from './open-segment.js';
import { sequenceOf } from './record-codec.js';
import { findSegments, segmentFile } from './segment-files.js';
import type { Recovered } from './thread-messages.js';

/** Where a log goes on, and what was found of its end. */
interface RecoveredLog {
  /** Number of the segment to begin. */
  readonly segment: number;
  /** Sequence of the next record. */
  readonly next: number;
  /** Segments that are to be sealed, in order. */
  readonly unsealed: readonly number[];
  readonly found: readonly Recovered[];
}

/**
 * Looks at a folder as the last process left it, whatever ended that: what is sealed is sealed, what was open is read up to
 * its last whole record. Changes nothing but files that hold no record or were only still to be removed.
 */
export async function recoverLog(folder: string): Promise<RecoveredLog> {
  const { sealed, open, all } = await findSegments(folder);
  const unsealed: number[] = [];
  const found: Recovered[] = [];
  let next = 0;
  const last = sealed.at(-1);
  if (last !== undefined) {
    const checkpoint = parseCheckpoint(await readFile(segmentFile(folder, last, 'checkpoint'), 'utf8'));
    if (checkpoint === undefined)
      throw new Error(
        `${segmentFile(folder, last, 'checkpoint')} is no checkpoint: see "diegate audit verify"`,
      );
    next = checkpoint.last + 1;
  }
  for (const segment of open) {
    const file = segmentFile(folder, segment, 'open');
    const { entries, damages, head } = sealed.includes(segment)
      ? { entries: [], damages: [], head: undefined }
      : readSegmentBytes(await readFile(file));
    const tornBytes = damages.reduce((sum, { isTail, from, to }) => sum + (isTail ? to - from : 0), 0);
    const lastEntry = entries.at(-1);
    if (lastEntry === undefined) {
      next = Math.max(next, head?.first ?? 0);
      await rm(file, { force: true });
      if (tornBytes > 0) found.push({ segment, records: 0, tornBytes, damaged: [] });
      continue;
    }
    next = Math.max(next, sequenceOf(lastEntry.record, 0) + 1);
    unsealed.push(segment);
    const damaged = damages.flatMap(({ isTail, sequence, to }) => {
      const after = entries.find(({ at }) => at === to);
      return isTail || after === undefined
        ? []
        : [[sequence, sequenceOf(after.record, 0) - sequence] as const];
    });
    found.push({ segment, records: entries.length, tornBytes, damaged });
  }
  return { segment: (all.at(-1) ?? 0) + 1, next, unsealed, found };
}
