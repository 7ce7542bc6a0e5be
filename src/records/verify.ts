import { createHash, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { checkpointHash, isSignedBy, parseCheckpoint, type ReadCheckpoint } from './checkpoint.js';
import { indexBytes } from './index-file.js';
import { merkleRoot } from './merkle.js';
import { readSegmentBytes } from './open-segment.js';
import { decodeRecord } from './record-codec.js';
import { findSegments, segmentFile } from './segment-files.js';
import { checkTable } from './verify-table.js';

/** What a look at a whole log has found. */
interface VerifiedLog {
  readonly segments: number;
  readonly records: number;
  /** What is not as it was sealed, in the order of the log: the first is the first record that was changed, removed or moved. */
  readonly problems: readonly string[];
  /** What is as it has to be, and worth knowing. */
  readonly notes: readonly string[];
  /** Text of the newest checkpoint: what a witness holds. */
  readonly head: string | undefined;
}

interface VerifyOptions {
  /** One of these has to have signed every checkpoint; undefined where signatures are not looked at. */
  readonly keys?: readonly KeyObject[] | undefined;
  /** Notes of checkpoints that somebody else has kept: each has to be one of the log. */
  readonly witnessed?: readonly string[];
}

/** Looks at every byte of a log: the chain of its checkpoints, and against them every record that is kept. */
export async function verifyLog(folder: string, options: VerifyOptions = {}): Promise<VerifiedLog> {
  return new Verification(folder, options).run();
}

class Verification {
  readonly #folder: string;
  readonly #options: VerifyOptions;
  readonly #problems: string[] = [];
  readonly #notes: string[] = [];
  #records = 0;
  #previous: ReadCheckpoint | undefined;
  /** Sequence of the next record; undefined before the first. */
  #next: number | undefined;
  #hasBegun = false;

  constructor(folder: string, options: VerifyOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  async run(): Promise<VerifiedLog> {
    const { sealed, open, withRecords, all } = await findSegments(this.#folder);
    const texts = new Set<string>();
    for (const segment of all) {
      if (sealed.includes(segment)) {
        const checkpoint = await this.#checkpoint(segment);
        if (checkpoint === undefined) continue;
        texts.add(checkpoint.text);
        if (withRecords.includes(segment)) await this.#sealed(segment, checkpoint);
        else this.#hasLeft(segment, checkpoint);
        this.#next = checkpoint.last + 1;
        this.#previous = checkpoint;
      } else if (open.includes(segment)) await this.#openSegment(segment);
      else this.#problems.push(`segment ${segment} has lost its checkpoint and its open file`);
    }
    for (const note of this.#options.witnessed ?? []) {
      const kept = parseCheckpoint(note);
      if (kept === undefined) this.#problems.push('what was kept elsewhere is no checkpoint');
      else if (!texts.has(kept.text))
        this.#problems.push(
          `segment ${kept.segment}: the checkpoint that was kept elsewhere is not in the log, which was cut off or written anew`,
        );
    }
    return {
      segments: all.length,
      records: this.#records,
      problems: this.#problems,
      notes: this.#notes,
      head: this.#previous?.text,
    };
  }

  async #checkpoint(segment: number): Promise<ReadCheckpoint | undefined> {
    const checkpoint = parseCheckpoint(
      await readFile(segmentFile(this.#folder, segment, 'checkpoint'), 'utf8'),
    );
    const problem = (text: string) => this.#problems.push(`segment ${segment}: ${text}`);
    if (checkpoint === undefined || checkpoint.segment !== segment) {
      problem('its checkpoint is none');
      return undefined;
    }
    const { keys } = this.#options;
    if (keys !== undefined && !keys.some((key) => isSignedBy(checkpoint, key)))
      problem(
        checkpoint.signatures.length === 0
          ? 'its checkpoint is not signed'
          : 'its checkpoint has no right signature of a key given',
      );
    const { previous, log, first } = checkpoint;
    const before = this.#previous;
    if (before === undefined && previous !== undefined)
      problem('the checkpoint before it is missing: the log does not begin here');
    if (before !== undefined && previous?.equals(checkpointHash(before.text)) !== true)
      problem(`its checkpoint does not name that of segment ${before.segment} as the one before`);
    if (before !== undefined && before.log !== log)
      problem(`its log is "${log}", that of segment ${before.segment} "${before.log}"`);
    this.#follows(segment, first);
    return checkpoint;
  }

  #follows(segment: number, first: number): void {
    if (this.#next !== undefined && first > this.#next)
      this.#problems.push(
        `records ${this.#next} to ${first - 1} are missing: segment ${segment} begins with record ${first}`,
      );
    if (this.#next !== undefined && first < this.#next)
      this.#problems.push(`segment ${segment} begins with record ${first}, expected ${this.#next}`);
  }

  /** Records leave from the oldest on, so that what is left is one piece. */
  #hasLeft(segment: number, { first, last }: ReadCheckpoint): void {
    const what = `segment ${segment}: records ${first} to ${last}`;
    if (this.#hasBegun) this.#problems.push(`${what} are missing`);
    else this.#notes.push(`${what} have left; its checkpoint is there`);
  }

  async #sealed(segment: number, checkpoint: ReadCheckpoint): Promise<void> {
    this.#hasBegun = true;
    const problem = (text: string) => this.#problems.push(`segment ${segment}: ${text}`);
    const part = async (name: 'leaves' | 'index') => {
      try {
        return await readFile(segmentFile(this.#folder, segment, name));
      } catch {
        problem(`its .${name} cannot be read`);
        return Buffer.alloc(0);
      }
    };
    const leaves = await part('leaves');
    const path = segmentFile(this.#folder, segment, 'parquet');
    const before = this.#problems.length;
    const found = await checkTable(path, checkpoint, leaves);
    this.#records += found.records.length;
    for (const text of found.problems) problem(text);
    const isWhole = found.problems.length === 0;
    if (!merkleRoot(leaves).equals(checkpoint.root)) {
      const isOfRecords = merkleRoot(found.leaves).equals(checkpoint.root);
      if (isOfRecords) problem('its .leaves are not the hashes of its records, which are unchanged');
      else if (isWhole)
        problem(
          `records ${checkpoint.first} to ${checkpoint.last} and their hashes were changed together: their root is not that of the checkpoint`,
        );
    }
    const table = createHash('sha256')
      .update(await readFile(path))
      .digest();
    if (this.#problems.length === before && !table.equals(checkpoint.table))
      problem('its .parquet is not the file that was sealed, though its records are unchanged');
    const index = await part('index');
    if (isWhole && !index.equals(indexBytes(found.records)))
      problem('its .index is not that of its records, which are unchanged');
    for (const [a, b] of checkpoint.damaged)
      this.#notes.push(`segment ${segment}: records ${a} to ${b} were damaged before it was sealed`);
  }

  async #openSegment(segment: number): Promise<void> {
    this.#hasBegun = true;
    const bytes = await readFile(segmentFile(this.#folder, segment, 'open'));
    const { head, entries, damages } = readSegmentBytes(bytes);
    if (head === undefined && bytes.length > 0)
      this.#problems.push(`segment ${segment}: its head is damaged`);
    if (head !== undefined) this.#follows(segment, head.first);
    let next = head?.first;
    for (const { record } of entries) {
      const read = decodeRecord(record);
      if (read === undefined) continue;
      // Damage names what is missing for it.
      if (next !== undefined && read.sequence < next)
        this.#problems.push(`record ${read.sequence} stands where record ${next} is expected`);
      next = read.sequence + 1;
      this.#records++;
    }
    for (const { isTail, sequence, from, to } of damages) {
      if (isTail) this.#notes.push(`segment ${segment}: ${to - from} bytes at its end are no whole record`);
      else
        this.#problems.push(`segment ${segment}: record ${sequence} is damaged (bytes ${from} to ${to - 1})`);
    }
    this.#next = next ?? this.#next;
    this.#notes.push(`segment ${segment}: ${entries.length} records are not sealed yet`);
  }
}
