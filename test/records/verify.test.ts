import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { beforeAll, describe, expect, test } from 'vitest';
import { leafHash } from '../../src/records/merkle.js';
import { recordOfRow } from '../../src/records/parquet-records.js';
import { checkProof, proveDie } from '../../src/records/proof.js';
import { readRecords } from '../../src/records/read-records.js';
import type { KeptRecord } from '../../src/records/record.js';
import { recordBytes } from '../../src/records/record-codec.js';
import { sealSegment } from '../../src/records/seal.js';
import { SEALED_PARTS, segmentFile } from '../../src/records/segment-files.js';
import { writeRecordTable } from '../../src/records/table-file.js';
import { verifyLog } from '../../src/records/verify.js';
import { dieRecord } from './records.js';
import { chunkOf, temporaryFolder, writeSegment } from './writing.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const keys = [publicKey];
const PER_SEGMENT = 20;
const files = new Map<string, Buffer>();

/** Three sealed segments and an open one, of 20 records each; every record of the second one with its row. */
beforeAll(async () => {
  const folder = join(process.env.TMPDIR ?? '/tmp', `diegate-verify-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const keyFile = join(folder, 'key.pem');
  writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  for (let segment = 1; segment <= 4; segment++) {
    const first = (segment - 1) * PER_SEGMENT;
    const records = Array.from({ length: PER_SEGMENT }, (_, i) =>
      dieRecord({ dieId: `d${first + i}`, x: i }),
    );
    const chunk = segment === 2 ? chunkOf(records, Float32Array.of(1, 2), true) : chunkOf(records);
    writeSegment(folder, segment, [chunk], first);
    if (segment < 4) await sealSegment(segment, { folder, name: 'gate', keyFile });
  }
  rmSync(keyFile);
  for (const name of readdirSync(folder)) files.set(name, readFileSync(join(folder, name)));
  rmSync(folder, { recursive: true });
});

function log(): string {
  const folder = temporaryFolder();
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
  return folder;
}

const problemsOf = async (folder: string, options: Parameters<typeof verifyLog>[1] = { keys }) =>
  (await verifyLog(folder, options)).problems;

/** Writes the table of a segment anew, as somebody would who wants it otherwise. */
async function rewrite(folder: string, segment: number, change: (records: KeptRecord[]) => KeptRecord[]) {
  const filename = segmentFile(folder, segment, 'parquet');
  const file = await asyncBufferFromFile(filename);
  const records = change((await parquetReadObjects({ file, utf8: false })).map(recordOfRow));
  await writeRecordTable(filename, [records]);
  return records;
}

const withChange = (at: number, change: Partial<KeptRecord['record']>) => (records: KeptRecord[]) =>
  records.map((one, i) => (i === at ? { ...one, record: { ...one.record, ...change } } : one));

describe('a log that nobody has touched', () => {
  test('holds, and says what is worth knowing', async () => {
    const { segments, records, problems, notes, head } = await verifyLog(log(), { keys });
    expect({ segments, records, problems, notes }).toEqual({
      segments: 4,
      records: 80,
      problems: [],
      notes: ['segment 4: 20 records are not sealed yet'],
    });
    expect(head).toMatch(/^gate\/3\n20\n/);
  });

  test('of which the oldest records have left holds', async () => {
    const folder = log();
    for (const part of SEALED_PARTS) if (part !== 'checkpoint') rmSync(segmentFile(folder, 1, part));
    const { problems, notes } = await verifyLog(folder, { keys });
    expect(problems).toEqual([]);
    expect(notes[0]).toBe('segment 1: records 0 to 19 have left; its checkpoint is there');
  });

  test('is read whole, in its order', async () => {
    const read: KeptRecord[] = [];
    for await (const some of readRecords(log())) read.push(...some);
    expect(read.map(({ record }) => record.sequence)).toEqual(Array.from({ length: 80 }, (_, i) => i));
    expect(read.map(({ row }) => row?.length)).toEqual(
      Array.from({ length: 80 }, (_, i) => (i >= 20 && i < 40 ? 2 : undefined)),
    );
  });
});

test('a clock that was set back leaves earlier times in later records, and a log that holds', async () => {
  const folder = temporaryFolder();
  const times = [5000, 6000, 1000, 2000];
  writeSegment(folder, 1, [chunkOf(times.map((time) => dieRecord({ time })))]);
  await sealSegment(1, { folder, name: 'gate', keyFile: undefined });
  writeSegment(folder, 2, [chunkOf([dieRecord({ time: 500 })])], 4);
  await sealSegment(2, { folder, name: 'gate', keyFile: undefined });
  expect(await problemsOf(folder, {})).toEqual([]);
  const read: number[] = [];
  for await (const some of readRecords(folder)) read.push(...some.map(({ record }) => record.time));
  expect(read).toEqual([...times, 500]);
});

describe('the first record is named', () => {
  test('that was changed', async () => {
    const folder = log();
    await rewrite(folder, 2, withChange(5, { prediction: 'fail' }));
    expect((await problemsOf(folder))[0]).toBe(
      'segment 2: record 25 (prediction of die "d25") is not the one that was sealed',
    );
  });

  test('that was removed', async () => {
    const folder = log();
    await rewrite(folder, 2, (records) => records.filter((_, i) => i !== 5));
    expect((await problemsOf(folder))[0]).toBe('segment 2: record 25 is missing');
  });

  test('that was removed at the end', async () => {
    const folder = log();
    await rewrite(folder, 2, (records) => records.slice(0, -1));
    expect((await problemsOf(folder))[0]).toBe('segment 2: record 39 is missing');
  });

  test('that was moved', async () => {
    const folder = log();
    await rewrite(folder, 2, (records) => [
      ...records.slice(0, 3),
      ...records.slice(4, 9),
      ...records.slice(3, 4),
      ...records.slice(9),
    ]);
    expect((await problemsOf(folder))[0]).toBe('segment 2: record 23 is missing');
    await rewrite(folder, 1, (records) => records.toReversed());
    expect((await problemsOf(folder))[0]).toBe('segment 1: record 0 is missing');
  });

  test('whose measurement was changed', async () => {
    const folder = log();
    await rewrite(folder, 2, (records) =>
      records.map((one, i) => (i === 7 ? { ...one, row: Float32Array.of(1, 3) } : one)),
    );
    expect((await problemsOf(folder))[0]).toBe(
      'segment 2: record 27 (prediction of die "d27"): its test_params are not those that were hashed',
    );
  });

  test('of a segment that was changed together with its hashes', async () => {
    const folder = log();
    const records = await rewrite(folder, 2, withChange(5, { prediction: 'fail' }));
    const leaves = Buffer.concat(records.map(({ record }) => leafHash(recordBytes(record))));
    writeFileSync(segmentFile(folder, 2, 'leaves'), leaves);
    expect((await problemsOf(folder))[0]).toBe(
      'segment 2: records 20 to 39 and their hashes were changed together: their root is not that of the checkpoint',
    );
  });

  test('of a segment that is missing', async () => {
    const folder = log();
    for (const part of SEALED_PARTS) rmSync(segmentFile(folder, 2, part));
    expect(await problemsOf(folder)).toEqual([
      'segment 3: its checkpoint does not name that of segment 1 as the one before',
      'records 20 to 39 are missing: segment 3 begins with record 40',
    ]);
    const other = log();
    rmSync(segmentFile(other, 2, 'parquet'));
    expect((await problemsOf(other))[0]).toBe('segment 2: records 20 to 39 are missing');
  });

  test('of an open segment that is damaged', async () => {
    const folder = log();
    const bytes = Buffer.from(files.get('00000004.open') ?? []);
    bytes[bytes.indexOf('d63')] = 0;
    writeFileSync(segmentFile(folder, 4, 'open'), bytes);
    expect((await problemsOf(folder))[0]).toMatch(/^segment 4: record 63 is damaged/);
  });
});

describe('whoever writes the log anew', () => {
  test('needs the key', async () => {
    const other = generateKeyPairSync('ed25519').publicKey;
    expect((await problemsOf(log(), { keys: [other] }))[0]).toBe(
      'segment 1: its checkpoint has no right signature of a key given',
    );
    expect(await problemsOf(log(), { keys: [other, publicKey] })).toEqual([]);
  });

  test('is found by a checkpoint that somebody else has kept', async () => {
    const folder = log();
    const kept = String(files.get('00000003.checkpoint'));
    expect(await problemsOf(folder, { keys, witnessed: [kept] })).toEqual([]);
    for (const part of SEALED_PARTS) rmSync(segmentFile(folder, 3, part));
    rmSync(segmentFile(folder, 4, 'open'));
    expect(await problemsOf(folder, { keys })).toEqual([]);
    expect(await problemsOf(folder, { keys, witnessed: [kept] })).toEqual([
      'segment 3: the checkpoint that was kept elsewhere is not in the log, which was cut off or written anew',
    ]);
  });
});

test('one flipped bit anywhere in a signed log is found, and its segment named', async () => {
  const folder = log();
  const names = [...files.keys()];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), fc.nat(), async (name, pick) => {
      const bytes = Buffer.from(files.get(name) ?? []);
      const bit = pick % (bytes.length * 8);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(join(folder, name), bytes);
      const { problems, notes } = await verifyLog(folder, { keys });
      writeFileSync(join(folder, name), files.get(name) ?? '');
      // What is torn off at the end of an open segment looks the same as what a crash leaves.
      const said = name.endsWith('.open')
        ? [...problems, ...notes.filter((note) => note.includes('bytes at its end'))]
        : problems;
      expect(said[0], `${name} bit ${bit}`).toMatch(new RegExp(`segment ${Number(name.slice(0, 8))}\\b`));
    }),
    { numRuns: 150 },
  );
});

describe('the proof of a record', () => {
  const prove = async (folder = log()) => (await proveDie(folder, { dieId: 'd25' }))[0] ?? '';

  test('is checked by itself and the key', async () => {
    const proof = await prove();
    expect(checkProof(proof, publicKey)).toMatchObject({
      record: { sequence: 25, dieId: 'd25', prediction: 'pass' },
      log: 'gate',
      segment: 2,
      isSigned: true,
    });
  });

  test('does not hold once anything of it is changed', async () => {
    const proof = await prove();
    const check = (changed: string) => () => checkProof(changed, publicKey);
    expect(check(proof.replace('"pass"', '"fail"'))).toThrow('record 25 does not lead to the root');
    expect(check(proof.replace('"index": 5', '"index": 6'))).toThrow('does not lead to the root');
    expect(check(proof.replace('"size": 20', '"size": 21'))).toThrow(
      'of a tree of 21 records, its checkpoint of 20',
    );
    expect(check(proof.replace('records 20 39', 'records 20 38'))).toThrow('no right signature');
    expect(check('{')).toThrow('the proof is no JSON');
    expect(check('{}')).toThrow('the proof is none: format');
    expect(() => checkProof(proof, generateKeyPairSync('ed25519').publicKey)).toThrow('no right signature');
  });

  test('is not made of a record that was changed, is not sealed, or is not there', async () => {
    const folder = log();
    await rewrite(folder, 2, withChange(5, { prediction: 'fail' }));
    await expect(prove(folder)).rejects.toThrow('record 25 is not the one that was sealed');
    await expect(proveDie(log(), { dieId: 'd70' })).rejects.toThrow('record 70 is not sealed yet');
    await expect(proveDie(log(), { dieId: 'none' })).rejects.toThrow('has no such record');
  });
});
