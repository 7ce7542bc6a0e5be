import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type Checkpoint,
  checkpointHash,
  checkpointText,
  isSignedBy,
  parseCheckpoint,
  parseVerifierKey,
  signNote,
  verifierKey,
} from '../../src/records/checkpoint.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const checkpoint: Checkpoint = {
  log: 'fab1.example/gate3',
  segment: 12,
  records: 3,
  root: Buffer.alloc(32, 1),
  first: 100,
  last: 104,
  from: '2026-12-01T08:00:00.000Z',
  to: '2026-12-01T09:00:00.000Z',
  table: Buffer.alloc(32, 3),
  previous: Buffer.alloc(32, 2),
  damaged: [[101, 102]],
};

describe('a checkpoint', () => {
  const text = checkpointText(checkpoint);
  const note = signNote(text, checkpoint.log, privateKey);

  test('is a note whose first lines are those of a log that has ended', () => {
    expect(text.split('\n').slice(0, 3)).toEqual([
      'fab1.example/gate3/12',
      '3',
      'AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=',
    ]);
    expect(note).toMatch(/\n\n— fab1\.example\/gate3 [A-Za-z0-9+/]+=*\n$/);
  });

  test('is read as it was written, signed or not', () => {
    expect(parseCheckpoint(note)).toMatchObject({ ...checkpoint, text });
    expect(parseCheckpoint(text)).toMatchObject({ ...checkpoint, signatures: [] });
  });

  test('is signed by its key and no other, and by no key once it is changed', () => {
    const read = parseCheckpoint(note);
    const changed = parseCheckpoint(note.replace('records 100 104', 'records 100 105'));
    if (read === undefined || changed === undefined) throw new Error('it is not read');
    expect(isSignedBy(read, publicKey)).toBe(true);
    expect(isSignedBy(read, generateKeyPairSync('ed25519').publicKey)).toBe(false);
    expect(isSignedBy(changed, publicKey)).toBe(false);
  });

  test('names its predecessor by the hash of its text, whoever signed that', () => {
    expect(checkpointHash(text).toString('hex')).toMatch(/^[0-9a-f]{64}$/);
    expect(parseCheckpoint(checkpointText({ ...checkpoint, previous: undefined }))?.previous).toBeUndefined();
  });

  test.each(['', 'a\nb\n', text.replace('\n3\n', '\nmany\n'), `${note}more`])(
    'is not read from %j',
    (other) => {
      expect(parseCheckpoint(other)).toBeUndefined();
    },
  );

  // The example of C2SP's signed-note: golang.org/x/mod/sumdb/note.
  test('is verified by a key of the form name+id+key', () => {
    // The example key of golang.org/x/mod/sumdb/note.
    const known = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
    const key = parseVerifierKey(known);
    expect(key && verifierKey('PeterNeumann', key)).toBe(known);
    expect(parseVerifierKey(verifierKey('fab1', publicKey))?.equals(publicKey)).toBe(true);
    for (const wrong of ['', known.replace('c74f', 'c74e'), known.replace('Peter', 'Paul'), `${known}AAAA`])
      expect(parseVerifierKey(wrong)).toBeUndefined();
  });
});
