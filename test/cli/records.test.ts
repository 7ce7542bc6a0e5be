import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { auditCommand } from '../../src/cli/audit.js';
import { logCommand } from '../../src/cli/log.js';
import { verifierKey } from '../../src/records/checkpoint.js';
import { sealSegment } from '../../src/records/seal.js';
import { segmentFile } from '../../src/records/segment-files.js';
import { dieRecord } from '../records/records.js';
import { chunkOf, temporaryFolder, writeSegment } from '../records/writing.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');

async function sealedLog() {
  const folder = temporaryFolder();
  const keys = temporaryFolder();
  const keyFile = join(keys, 'key.pem');
  writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const pem = join(keys, 'key.pub.pem');
  writeFileSync(pem, publicKey.export({ type: 'spki', format: 'pem' }));
  const vkey = join(keys, 'key.vkey');
  writeFileSync(vkey, `${verifierKey('gate', publicKey)}\n`);
  writeSegment(folder, 1, [chunkOf([dieRecord(), dieRecord({ dieId: 'd2', x: 9 })])]);
  await sealSegment(1, { folder, name: 'gate', keyFile });
  return { folder, keyFile, pem, vkey };
}

async function run(command: typeof logCommand, args: readonly string[], environment = {}): Promise<string> {
  let said = '';
  const stream = new Writable({
    write(chunk, _, done) {
      said += String(chunk);
      done();
    },
  });
  await command({ environment, streams: { stdout: stream, stderr: stream } }).parseAsync(args, {
    from: 'user',
  });
  return said;
}

describe('diegate log', () => {
  test('says who judged a die, by its id or its place', async () => {
    const { folder } = await sealedLog();
    for (const die of ['d1', 'L1/W1/3/-4', '/W1/3/-4'])
      expect(await run(logCommand, ['--die', die, '--records', folder])).toContain(
        'Judged pass by version 1 of sum  (record 0)',
      );
    const json = await run(logCommand, ['--die', 'd2', '--json'], { RECORDS_DIR: folder });
    expect(JSON.parse(json)).toMatchObject([{ dieId: 'd2', x: 9, sequence: 1 }]);
  });

  test('says where there is nothing to say', async () => {
    const { folder } = await sealedLog();
    await expect(run(logCommand, ['--die', 'none', '--records', folder])).rejects.toThrow(
      'there is no record of a die "none"',
    );
    await expect(run(logCommand, ['--die', 'd1', '--records', join(folder, 'none')])).rejects.toThrow(
      'ENOENT',
    );
    await expect(run(logCommand, ['--die', 'd1'])).rejects.toThrow('expected --records or RECORDS_DIR');
  });
});

describe('diegate audit', () => {
  test('verifies a folder, with a key in either form', async () => {
    const { folder, pem, vkey } = await sealedLog();
    for (const key of [pem, vkey]) {
      const said = await run(auditCommand, ['verify', folder, '--key', key]);
      expect(said).toContain(
        '2 records in 1 segment are as they were written, and sealed with the key given.',
      );
      expect(said).toContain('\ngate/1\n2\n');
    }
    expect(await run(auditCommand, ['verify'], { RECORDS_DIR: folder })).toContain(
      'without --key nobody says by whom',
    );
  });

  test('fails, and names what was changed', async () => {
    const { folder, pem } = await sealedLog();
    const kept = join(folder, 'kept');
    writeFileSync(kept, readFileSync(segmentFile(folder, 1, 'checkpoint')));
    const leaves = readFileSync(segmentFile(folder, 1, 'leaves'));
    leaves[40] = (leaves[40] ?? 0) ^ 1;
    writeFileSync(segmentFile(folder, 1, 'leaves'), leaves);
    await expect(run(auditCommand, ['verify', folder, '--key', pem])).rejects.toThrow(
      'segment 1: record 1 (prediction of die "d2") is not the one that was sealed',
    );
    for (const part of ['parquet', 'leaves', 'index', 'checkpoint'] as const)
      rmSync(segmentFile(folder, 1, part));
    await expect(run(auditCommand, ['verify', folder, '--witness', kept])).rejects.toThrow(
      'is not in the log',
    );
  });

  test('proves that a record is in the log, to somebody who has the proof and the key alone', async () => {
    const { folder, pem } = await sealedLog();
    const proof = join(temporaryFolder(), 'proof.json');
    writeFileSync(proof, await run(auditCommand, ['prove', '--die', 'd1', '--records', folder]));
    rmSync(folder, { recursive: true });
    const said = await run(auditCommand, ['check', proof, '--key', pem]);
    expect(said).toContain('Record 0 is in segment 1 of the log "gate", signed by the key given.');
    expect(said).toContain('Judged pass by version 1 of sum');
    writeFileSync(proof, readFileSync(proof, 'utf8').replace('"pass"', '"fail"'));
    await expect(run(auditCommand, ['check', proof])).rejects.toThrow('does not lead to the root');
  });

  test('takes no private key where a public one is asked for', async () => {
    const { folder, keyFile } = await sealedLog();
    await expect(run(auditCommand, ['verify', folder, '--key', keyFile])).rejects.toThrow(
      'holds no public key',
    );
  });

  test('a checkpoint is verified by openssl too', async () => {
    const { folder, pem } = await sealedLog();
    const note = readFileSync(segmentFile(folder, 1, 'checkpoint'), 'utf8');
    const [text = '', signature = ''] = note.split('\n\n— gate ');
    const at = temporaryFolder();
    writeFileSync(join(at, 'text'), `${text}\n`);
    writeFileSync(join(at, 'signature'), Buffer.from(signature, 'base64').subarray(4));
    const args = [
      'pkeyutl',
      '-verify',
      '-pubin',
      '-inkey',
      pem,
      '-rawin',
      '-in',
      join(at, 'text'),
      '-sigfile',
      join(at, 'signature'),
    ];
    expect(String(execFileSync('openssl', args))).toContain('Signature Verified Successfully');
  });
});
