import { createHash } from 'node:crypto';
import { open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { type Checkpoint, checkpointHash, checkpointText, parseCheckpoint, signNote } from './checkpoint.js';
import { IndexBuilder } from './index-file.js';
import { HASH_BYTES, leafHash, merkleRoot } from './merkle.js';
import { readSegmentBytes, type SegmentEntry } from './open-segment.js';
import { rowOfBytes } from './read-records.js';
import type { GateRecord, KeptRecord } from './record.js';
import { decodeRecord, sequenceOf } from './record-codec.js';
import { findSegments, SEALED_PARTS, segmentFile } from './segment-files.js';
import { readSigningKeyOfLog } from './signing-key.js';
import { ROWS_OF_A_GROUP, writeRecordTable } from './table-file.js';
import type { SealedSegment, WriterSettings } from './thread-messages.js';

/**
 * Seals a segment: its records as Parquet, their hashes, the index, and last the checkpoint, each durable before the next,
 * then the open file goes. May be broken off at any point, and done again.
 * @throws Error where the segment holds no record, or the disk refuses
 */
export async function sealSegment(
  segment: number,
  { folder, name, keyFile }: Pick<WriterSettings, 'folder' | 'name' | 'keyFile'>,
): Promise<SealedSegment> {
  const key = keyFile === undefined ? undefined : await readSigningKeyOfLog(keyFile);
  const from = segmentFile(folder, segment, 'open');
  const { entries, damages } = readSegmentBytes(await readFile(from));
  const [first, last] = [entries[0], entries.at(-1)].map((entry) => entry && decodedRecord(entry.record));
  if (first === undefined || last === undefined) throw new Error(`${from} holds no record`);
  const leaves = Buffer.allocUnsafe(entries.length * HASH_BYTES);
  const index = new IndexBuilder();
  const previous = await checkpointBefore(folder, segment);
  const temporary = (part: (typeof SEALED_PARTS)[number]) =>
    `${segmentFile(folder, segment, part)}.${process.pid}.tmp`;
  try {
    await writeRecordTable(temporary('parquet'), groupsOf(entries, leaves, index));
    const checkpoint: Checkpoint = {
      log: name,
      segment,
      records: entries.length,
      root: merkleRoot(leaves),
      first: first.sequence,
      last: last.sequence,
      from: new Date(first.time).toISOString(),
      to: new Date(last.time).toISOString(),
      table: createHash('sha256')
        .update(await readFile(temporary('parquet')))
        .digest(),
      previous: previous === undefined ? undefined : checkpointHash(previous),
      damaged: damages.flatMap(({ isTail, sequence, to }) => {
        const after = entries.find(({ at }) => at === to);
        return isTail || after === undefined ? [] : [[sequence, sequenceOf(after.record, 0) - 1] as const];
      }),
    };
    const text = checkpointText(checkpoint);
    const note = signNote(text, name, key);
    await writeFile(temporary('leaves'), leaves);
    await writeFile(temporary('index'), index.bytes());
    await writeFile(temporary('checkpoint'), note);
    let bytes = 0;
    for (const part of SEALED_PARTS) {
      bytes += await makeDurable(temporary(part));
      await rename(temporary(part), segmentFile(folder, segment, part));
    }
    await makeDurable(folder);
    await rm(from);
    return {
      segment,
      records: entries.length,
      bytes,
      root: checkpoint.root.toString('base64'),
      checkpoint: note,
      isSigned: key !== undefined,
    };
  } catch (error) {
    for (const part of SEALED_PARTS) await rm(temporary(part), { force: true }).catch(() => {});
    throw error;
  }
}

/** The records of a segment in groups, read as they are asked for; on the way each is hashed, and noted for the index. */
function* groupsOf(
  entries: readonly SegmentEntry[],
  leaves: Buffer,
  index: IndexBuilder,
): Generator<readonly KeptRecord[]> {
  for (let from = 0; from < entries.length; from += ROWS_OF_A_GROUP) {
    yield entries.slice(from, from + ROWS_OF_A_GROUP).map((entry, i): KeptRecord => {
      leafHash(entry.record, leaves, (from + i) * HASH_BYTES);
      const record = decodedRecord(entry.record);
      index.add(record);
      return { record, row: rowOfBytes(entry.row) };
    });
  }
}

function decodedRecord(bytes: Buffer): GateRecord {
  const record = decodeRecord(bytes);
  if (record === undefined) throw new Error('an entry whose checksum is right holds no record');
  return record;
}

/** Text of the newest checkpoint of an earlier segment. */
async function checkpointBefore(folder: string, segment: number): Promise<string | undefined> {
  const before = (await findSegments(folder)).sealed.filter((number) => number < segment).at(-1);
  if (before === undefined) return undefined;
  const file = segmentFile(folder, before, 'checkpoint');
  const checkpoint = parseCheckpoint(await readFile(file, 'utf8'));
  if (checkpoint === undefined) throw new Error(`${file} is no checkpoint`);
  return checkpoint.text;
}

/** @returns bytes of the file */
async function makeDurable(path: string): Promise<number> {
  const file = await open(path, 'r');
  try {
    await file.sync();
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}
