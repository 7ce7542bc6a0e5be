import { generateKeyPairSync } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { describe, expect, test } from 'vitest';
import { checkpointHash, isSignedBy, parseCheckpoint } from '../../src/records/checkpoint.js';
import { leafHash, merkleRoot } from '../../src/records/merkle.js';
import { recordOfRow } from '../../src/records/parquet-records.js';
import { recordBytes } from '../../src/records/record-codec.js';
import { recoverLog } from '../../src/records/recovery.js';
import { sealSegment } from '../../src/records/seal.js';
import { segmentFile } from '../../src/records/segment-files.js';
import { readSigningKeyOfLog } from '../../src/records/signing-key.js';
import { dieRecord } from './records.js';
import { chunkOf, temporaryFolder, writeSegment } from './writing.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' });
const row = Float32Array.of(1.5, Number.NaN, -0);

function keyIn(folder: string, mode = 0o600): string {
  const file = join(folder, 'key.pem');
  writeFileSync(file, PEM, { mode });
  chmodSync(file, mode);
  return file;
}

const read = async (folder: string, segment: number) => {
  const file = await asyncBufferFromFile(segmentFile(folder, segment, 'parquet'));
  return (await parquetReadObjects({ file, utf8: false })).map(recordOfRow);
};
const checkpointOf = (folder: string, segment: number) => {
  const found = parseCheckpoint(readFileSync(segmentFile(folder, segment, 'checkpoint'), 'utf8'));
  if (found === undefined) throw new Error('no checkpoint');
  return found;
};

describe('a segment that is sealed', () => {
  const records = [
    dieRecord({ modelSha256: 'ab'.repeat(32), touchdown: 7, insertion: 'cp1', detail: '{"a":1}' }),
    dieRecord({ kind: 'refusal', code: 'queue_full', score: undefined, dieId: 'Ω/1', prediction: undefined }),
    dieRecord({
      kind: 'start',
      dieId: undefined,
      lot: undefined,
      wafer: undefined,
      x: undefined,
      y: undefined,
    }),
  ];

  test('is a table of its records, with the rows that were kept', async () => {
    const folder = temporaryFolder();
    writeSegment(folder, 1, [
      chunkOf(records),
      chunkOf([dieRecord()], row, true),
      chunkOf([dieRecord()], row),
    ]);
    await sealSegment(1, { folder, name: 'gate', keyFile: undefined });
    const found = await read(folder, 1);
    expect(found.slice(0, 3).map(({ record }) => record)).toEqual(
      records.map((record, sequence) => ({ ...record, sequence })),
    );
    expect(found.map(({ row: kept }) => kept)).toEqual([undefined, undefined, undefined, row, undefined]);
    // printf '\x00\x00\xc0\x3f\x00\x00\xc0\x7f\x00\x00\x00\x80' | sha256sum
    const hash = '6a4bd8beeac88ddf2e9aadf02a96c7c675da86543b46a20febb3dda5252f95bd';
    expect(found.slice(3).map(({ record }) => record.rowSha256)).toEqual([hash, hash]);
    expect(existsSync(segmentFile(folder, 1, 'open'))).toBe(false);
  });

  test('has the root of the hashes of its records, which can be made again from the table', async () => {
    const folder = temporaryFolder();
    writeSegment(folder, 1, [chunkOf(records, row)]);
    const { root } = await sealSegment(1, { folder, name: 'gate', keyFile: undefined });
    const leaves = (await read(folder, 1)).map(({ record }) => leafHash(recordBytes(record)));
    expect(merkleRoot(Buffer.concat(leaves)).toString('base64')).toBe(root);
    expect(readFileSync(segmentFile(folder, 1, 'leaves')).equals(Buffer.concat(leaves))).toBe(true);
  });

  test('has a signed checkpoint that names the one before', async () => {
    const folder = temporaryFolder();
    const settings = { folder, name: 'gate', keyFile: keyIn(folder) };
    writeSegment(folder, 1, [chunkOf(records)]);
    writeSegment(folder, 2, [chunkOf(records)], 3);
    await sealSegment(1, settings);
    const { isSigned } = await sealSegment(2, settings);
    const [first, second] = [checkpointOf(folder, 1), checkpointOf(folder, 2)];
    expect(isSigned && isSignedBy(first, publicKey) && isSignedBy(second, publicKey)).toBe(true);
    expect(first).toMatchObject({ records: 3, first: 0, last: 2, previous: undefined });
    expect(second).toMatchObject({ first: 3, last: 5, previous: checkpointHash(first.text) });
  });

  test('is sealed again, to the same bytes, where a crash came before the open file was removed', async () => {
    const folder = temporaryFolder();
    const settings = { folder, name: 'gate', keyFile: keyIn(folder) };
    writeSegment(folder, 1, [chunkOf(records)]);
    const open = segmentFile(folder, 1, 'open');
    copyFileSync(open, `${open}.copy`);
    await sealSegment(1, settings);
    const once = readFileSync(segmentFile(folder, 1, 'checkpoint'), 'utf8');
    copyFileSync(`${open}.copy`, open);
    await sealSegment(1, settings);
    expect(readFileSync(segmentFile(folder, 1, 'checkpoint'), 'utf8')).toBe(once);
    expect(readdirSync(folder).filter((name) => name.includes('tmp'))).toEqual([]);
  });

  test('says which records were damaged before it was sealed', async () => {
    const folder = temporaryFolder();
    writeSegment(folder, 1, [chunkOf(records)]);
    const open = segmentFile(folder, 1, 'open');
    const bytes = readFileSync(open);
    const at = bytes.indexOf('queue_full');
    bytes[at] = 0;
    writeFileSync(open, bytes);
    await sealSegment(1, { folder, name: 'gate', keyFile: undefined });
    expect(checkpointOf(folder, 1)).toMatchObject({ records: 2, first: 0, last: 2, damaged: [[1, 1]] });
  });
});

describe('the log after its process has ended', () => {
  test('of a new folder begins at 0', async () => {
    expect(await recoverLog(temporaryFolder())).toEqual({ segment: 1, next: 0, unsealed: [], found: [] });
  });

  test('goes on behind the last whole record, in another segment, and has the old one sealed', async () => {
    const folder = temporaryFolder();
    writeSegment(folder, 1, [chunkOf([dieRecord(), dieRecord()])]);
    appendFileSync(segmentFile(folder, 1, 'open'), Buffer.from([0xd1, 0xe9, 0xa7, 0x0e, 1]));
    expect(await recoverLog(folder)).toEqual({
      segment: 2,
      next: 2,
      unsealed: [1],
      found: [{ segment: 1, records: 2, tornBytes: 5, damaged: [] }],
    });
  });

  test('goes on behind what is sealed', async () => {
    const folder = temporaryFolder();
    writeSegment(folder, 1, [chunkOf([dieRecord(), dieRecord()])]);
    const open = segmentFile(folder, 1, 'open');
    copyFileSync(open, `${open}.copy`);
    await sealSegment(1, { folder, name: 'gate', keyFile: undefined });
    expect(await recoverLog(folder)).toMatchObject({ segment: 2, next: 2, unsealed: [] });
    // A crash came before it was removed.
    copyFileSync(`${open}.copy`, open);
    expect(await recoverLog(folder)).toMatchObject({ segment: 2, next: 2, unsealed: [] });
    expect(existsSync(open)).toBe(false);
  });

  test('knows which records are damaged', async () => {
    const folder = temporaryFolder();
    writeSegment(folder, 1, [chunkOf([dieRecord(), dieRecord({ dieId: 'flipped' }), dieRecord()])]);
    const open = segmentFile(folder, 1, 'open');
    const bytes = readFileSync(open);
    bytes[bytes.indexOf('flipped')] = 0;
    writeFileSync(open, bytes);
    const { next, found } = await recoverLog(folder);
    expect([next, found]).toEqual([3, [{ segment: 1, records: 2, tornBytes: 0, damaged: [[1, 1]] }]]);
  });
});

describe('the key of checkpoints', () => {
  const refused = (file: string) => readSigningKeyOfLog(file).then(() => '', String);

  test('is read where only its owner and a group may read it', async () => {
    const folder = temporaryFolder();
    for (const mode of [0o400, 0o600, 0o640])
      expect((await readSigningKeyOfLog(keyIn(folder, mode))).asymmetricKeyType).toBe('ed25519');
  });

  test('is refused where it is missing, where everybody may read it, and where it is none', async () => {
    const folder = temporaryFolder();
    expect(await refused(join(folder, 'none.pem'))).toContain('RECORDS_KEY_FILE: ');
    expect(await refused(keyIn(folder, 0o644))).toContain('can be read by everybody (mode 644)');
    const other = join(folder, 'other.pem');
    writeFileSync(other, 'hello', { mode: 0o600 });
    expect(await refused(other)).toContain('holds no private key');
    const { privateKey: rsa } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(other, rsa.export({ type: 'pkcs8', format: 'pem' }));
    expect(await refused(other)).toContain('holds a key of ec, expected one of ed25519');
  });
});
