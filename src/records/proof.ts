import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { Fault } from '../errors.js';
import { isSignedBy, parseCheckpoint } from './checkpoint.js';
import { LookUp } from './look-up.js';
import { HASH_BYTES, inclusionProof, leafHash, rootFromProof } from './merkle.js';
import { type AskedDie, type GateRecord, GateRecordSchema } from './record.js';
import { recordBytes } from './record-codec.js';
import { findSegments, segmentFile } from './segment-files.js';

const base64 = z.base64().transform((text) => Buffer.from(text, 'base64'));

/** That a record is in a log: everything that somebody needs to check it who has neither the log nor diegate's server. */
const ProofSchema = z.object({
  format: z.literal('diegate-inclusion-proof-v1'),
  /** The record, for people; what is proven is that its bytes are in the log. */
  record: GateRecordSchema,
  /** Position in the tree of its segment, from 0, and the tree's size. */
  index: z.int().min(0),
  size: z.int().min(1),
  /** SHA-256 of each sibling from the leaf up, RFC 6962. */
  path: z.array(base64),
  /** The signed note whose root they lead to. */
  checkpoint: z.string(),
});

/**
 * The proofs of a die's records, each as text of JSON, in their order.
 * @throws Fault `invalid_data` where there is no record, or none that is sealed
 */
export async function proveDie(folder: string, asked: AskedDie, sequence?: number): Promise<string[]> {
  const found = (await new LookUp(folder).find(asked)).filter(
    (record) => sequence === undefined || record.sequence === sequence,
  );
  if (found.length === 0) throw new Fault('invalid_data', [`${folder} has no such record`]);
  const { sealed } = await findSegments(folder);
  const proofs: string[] = [];
  for (const segment of sealed) {
    const note = await readFile(segmentFile(folder, segment, 'checkpoint'), 'utf8');
    const checkpoint = parseCheckpoint(note);
    if (checkpoint === undefined) continue;
    const within = found.filter(({ sequence: at }) => at >= checkpoint.first && at <= checkpoint.last);
    if (within.length === 0) continue;
    const leaves = await readFile(segmentFile(folder, segment, 'leaves'));
    for (const record of within) proofs.push(proofOf(record, leaves, note));
  }
  if (proofs.length === 0)
    throw new Fault('invalid_data', [
      `record ${found[0]?.sequence} is not sealed yet: it is within RECORDS_SEGMENT_MINUTES, or at the next start`,
    ]);
  return proofs;
}

function proofOf(record: GateRecord, leaves: Buffer, checkpoint: string): string {
  const leaf = leafHash(recordBytes(record));
  const at = leaves.indexOf(leaf);
  if (at === -1 || at % HASH_BYTES !== 0)
    throw new Fault('invalid_data', [
      `record ${record.sequence} is not the one that was sealed: see "diegate audit verify"`,
    ]);
  const index = at / HASH_BYTES;
  const proof = {
    format: 'diegate-inclusion-proof-v1',
    record,
    index,
    size: leaves.length / HASH_BYTES,
    path: inclusionProof(leaves, index).map((hash) => hash.toString('base64')),
    checkpoint,
  };
  return `${JSON.stringify(proof, undefined, 2)}\n`;
}

/** What a proof proves. */
interface CheckedProof {
  readonly record: GateRecord;
  readonly log: string;
  readonly segment: number;
  readonly isSigned: boolean;
}

/**
 * Checks a proof by itself: nothing else is read.
 * @param key whose signature the checkpoint has to have; undefined to leave that open
 * @throws Fault `invalid_signature` that says what does not hold
 */
export function checkProof(text: string, key: KeyObject | undefined): CheckedProof {
  const refuse = (problem: string) => new Fault('invalid_signature', [problem]);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw refuse('the proof is no JSON');
  }
  const parsed = ProofSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw refuse(`the proof is none: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const { record, index, size, path, checkpoint: note } = parsed.data;
  const checkpoint = parseCheckpoint(note);
  if (checkpoint === undefined) throw refuse('the checkpoint of the proof is none');
  if (size !== checkpoint.records)
    throw refuse(`the proof is of a tree of ${size} records, its checkpoint of ${checkpoint.records}`);
  const root = rootFromProof(leafHash(recordBytes(record)), index, size, path);
  if (root?.equals(checkpoint.root) !== true)
    throw refuse(
      `record ${record.sequence} does not lead to the root of the checkpoint: it is not the one that was sealed`,
    );
  if (key !== undefined && !isSignedBy(checkpoint, key))
    throw refuse('the checkpoint has no right signature of the key given');
  return { record, log: checkpoint.log, segment: checkpoint.segment, isSigned: key !== undefined };
}
