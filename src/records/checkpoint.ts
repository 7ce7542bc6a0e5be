import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/** What a checkpoint says of a sealed segment. */
export interface Checkpoint {
  /** Name of the log. */
  readonly log: string;
  readonly segment: number;
  readonly records: number;
  /** Merkle tree hash of the records, 32 bytes. */
  readonly root: Buffer;
  /** Sequences of the first and the last record. */
  readonly first: number;
  readonly last: number;
  /** When the first and the last record were made, ISO 8601, by the server's clock. */
  readonly from: string;
  readonly to: string;
  /** SHA-256 of the table, 32 bytes: what is not a record of it is not changed either. */
  readonly table: Buffer;
  /** SHA-256 of the text of the checkpoint before, 32 bytes; undefined for the first of a log. */
  readonly previous: Buffer | undefined;
  /** Records that were damaged when the segment was sealed, by their sequences: the first and the last of each run. */
  readonly damaged: readonly (readonly [number, number])[];
}

/** A checkpoint as it was read, with its text and its signatures. */
export interface ReadCheckpoint extends Checkpoint {
  /** What is signed, its last line end included. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** A signature line of a note: whose key it says it is, its id, and the signature. */
interface NoteSignature {
  readonly name: string;
  readonly keyId: string;
  readonly signature: Buffer;
}

/**
 * The text of a checkpoint: the first three lines are those of C2SP's tlog-checkpoint, of a log that is this one segment
 * and has ended; the others are its extension lines.
 */
export function checkpointText(checkpoint: Checkpoint): string {
  const { log, segment, records, root, first, last, from, to, table, previous, damaged } = checkpoint;
  return [
    `${log}/${segment}`,
    String(records),
    root.toString('base64'),
    `records ${first} ${last}`,
    `time ${from} ${to}`,
    `table ${table.toString('base64')}`,
    `previous ${previous?.toString('base64') ?? 'none'}`,
    ...damaged.map(([a, b]) => `damaged ${a} ${b}`),
    '',
  ].join('\n');
}

const TEXT =
  /^(\S+)\/(\d+)\n(\d+)\n([A-Za-z0-9+/]{43}=)\nrecords (\d+) (\d+)\ntime (\S+) (\S+)\ntable ([A-Za-z0-9+/]{43}=)\nprevious (none|[A-Za-z0-9+/]{43}=)\n((?:damaged \d+ \d+\n)*)$/;

/**
 * Reads a checkpoint and its signatures, which are not verified here.
 * @returns undefined where it is none
 */
export function parseCheckpoint(note: string): ReadCheckpoint | undefined {
  const end = note.lastIndexOf('\n\n');
  const text = end === -1 ? note : note.slice(0, end + 1);
  const found = TEXT.exec(text);
  if (found === null) return undefined;
  const signatures = end === -1 ? [] : signaturesIn(note.slice(end + 2));
  if (signatures === undefined) return undefined;
  const [
    ,
    log = '',
    segment,
    records,
    root = '',
    first,
    last,
    from = '',
    to = '',
    table = '',
    previous = '',
    damaged = '',
  ] = found;
  return {
    log,
    segment: Number(segment),
    records: Number(records),
    root: Buffer.from(root, 'base64'),
    first: Number(first),
    last: Number(last),
    from,
    to,
    table: Buffer.from(table, 'base64'),
    previous: previous === 'none' ? undefined : Buffer.from(previous, 'base64'),
    damaged: [...damaged.matchAll(/^damaged (\d+) (\d+)$/gm)].map(
      ([, a, b]) => [Number(a), Number(b)] as const,
    ),
    text,
    signatures,
  };
}

function signaturesIn(lines: string): NoteSignature[] | undefined {
  if (!lines.endsWith('\n')) return undefined;
  const signatures: NoteSignature[] = [];
  for (const line of lines.slice(0, -1).split('\n')) {
    const found = /^— (\S+) ([A-Za-z0-9+/]+=*)$/.exec(line);
    const bytes = Buffer.from(found?.[2] ?? '', 'base64');
    if (found === null || bytes.length < 5) return undefined;
    signatures.push({
      name: found[1] ?? '',
      keyId: bytes.toString('hex', 0, 4),
      signature: bytes.subarray(4),
    });
  }
  return signatures;
}

/** What the next checkpoint names its predecessor by. */
export function checkpointHash(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Signature type of Ed25519 in C2SP's signed-note. */
const ED25519 = Buffer.from([1]);
const RAW_KEY_BYTES = 32;

/** The raw 32 bytes of an Ed25519 public key. */
function rawPublicKey(key: KeyObject): Buffer {
  const { x } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' });
  if (x === undefined) throw new Error('the key has no x: it is not an Ed25519 key');
  return Buffer.from(x, 'base64url');
}

/** The id of a key in notes: the first four bytes of SHA-256(name, newline, type, public key). */
function noteKeyId(name: string, key: KeyObject): Buffer {
  return createHash('sha256')
    .update(`${name}\n`)
    .update(ED25519)
    .update(rawPublicKey(key))
    .digest()
    .subarray(0, 4);
}

/** A public key as verifiers of notes take it: `name+id+base64`. */
export function verifierKey(name: string, key: KeyObject): string {
  const bytes = Buffer.concat([ED25519, rawPublicKey(key)]).toString('base64');
  return `${name}+${noteKeyId(name, key).toString('hex')}+${bytes}`;
}

/**
 * The key of a text `name+id+base64`.
 * @returns undefined where it is none of Ed25519, or its id is not its own
 */
export function parseVerifierKey(text: string): KeyObject | undefined {
  const found = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)\s*$/.exec(text);
  const bytes = Buffer.from(found?.[3] ?? '', 'base64');
  if (found === null || bytes.length !== 1 + RAW_KEY_BYTES || bytes[0] !== ED25519[0]) return undefined;
  const x = bytes.subarray(1).toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return noteKeyId(found[1] ?? '', key).toString('hex') === found[2] ? key : undefined;
}

/** The note of a text (C2SP signed-note): the text and, where there is a key, its signature by the name of the log. */
export function signNote(text: string, name: string, key: KeyObject | undefined): string {
  if (key === undefined) return text;
  const bytes = Buffer.concat([noteKeyId(name, key), sign(null, Buffer.from(text), key)]);
  return `${text}\n— ${name} ${bytes.toString('base64')}\n`;
}

/** Whether a checkpoint has a signature of this key by the name of its log, and that is right. */
export function isSignedBy({ log, text, signatures }: ReadCheckpoint, key: KeyObject): boolean {
  const id = noteKeyId(log, key).toString('hex');
  return signatures.some(
    ({ name, keyId, signature }) =>
      name === log && keyId === id && verify(null, Buffer.from(text), key, signature),
  );
}
