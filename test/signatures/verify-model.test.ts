import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { signCommand } from '../../src/cli/sign.js';
import { verifyCommand } from '../../src/cli/verify.js';
import { readStatement, writeStatement } from '../../src/signatures/statement.js';
import { problemsOf, runCommand } from '../cli/support.js';
import { HAS_OPENSSL, makeSignerChain } from '../support/certificates.js';
import { temporaryFolder } from '../support/models.js';
import { makeSigningKey, type SigningKeyFiles } from '../support/signing.js';

const sign = (args: readonly string[], password?: string) =>
  runCommand((streams) => signCommand({ streams, environment: { DIEGATE_KEY_PASSWORD: password } }), args);
const verify = (args: readonly string[], now = Date.now()) =>
  runCommand((streams) => verifyCommand({ streams, now: () => now }), args);

/** A model of three files, signed. */
async function signedModel(keys: SigningKeyFiles): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'model.onnx'), 'a graph');
  await writeFile(join(folder, 'manifest.json'), '{}');
  await mkdir(join(folder, 'more'));
  await writeFile(join(folder, 'more', 'größe: 1:2.txt'), '');
  await sign([folder, '--key', keys.privateFile]);
  return folder;
}

describe('a signed model', () => {
  test.each(['P-256', 'P-384', 'P-521'])('is verified by the public key, on %s', async (curve) => {
    const keys = await makeSigningKey(curve);
    const folder = await signedModel(keys);
    const { out, progress } = await verify([folder, '--key', keys.publicFile]);
    expect(out).toContain('manifest.json, model.onnx, more/größe: 1:2.txt');
    expect(progress).toBe('');
  });

  test.each<[string, string, (folder: string) => Promise<unknown>]>([
    [
      'a changed file',
      '"model.onnx" is not the file that was signed',
      (folder) => writeFile(join(folder, 'model.onnx'), 'a grapH'),
    ],
    ['a missing file', '"model.onnx" was signed and is missing', (folder) => rm(join(folder, 'model.onnx'))],
    [
      'an additional file',
      '"more/x" is there and was not signed',
      (folder) => writeFile(join(folder, 'more', 'x'), ''),
    ],
    [
      'swapped files',
      '"manifest.json" is not the file that was signed',
      async (folder) => {
        await rename(join(folder, 'model.onnx'), join(folder, 'x'));
        await rename(join(folder, 'manifest.json'), join(folder, 'model.onnx'));
        await rename(join(folder, 'x'), join(folder, 'manifest.json'));
      },
    ],
    [
      'a link in the place of a file',
      '"manifest.json" is a link',
      async (folder) => {
        await rename(join(folder, 'manifest.json'), join(folder, 'model.sig2'));
        await symlink('model.sig2', join(folder, 'manifest.json'));
      },
    ],
    [
      'no signature',
      'model.sig is missing: the model is not signed',
      (folder) => rm(join(folder, 'model.sig')),
    ],
    [
      'a signature that is no JSON',
      'model.sig is not JSON',
      (folder) => writeFile(join(folder, 'model.sig'), 'x'),
    ],
  ])('with %s is refused in words', async (_what, problem, tamper) => {
    const keys = await makeSigningKey();
    const folder = await signedModel(keys);
    await tamper(folder);
    const problems = await problemsOf(verify([folder, '--key', keys.publicFile]));
    expect(problems.join('\n')).toContain(problem);
  });

  test('is refused by another key, which is named by what both are called', async () => {
    const folder = await signedModel(await makeSigningKey());
    const other = await makeSigningKey();
    const [problem] = await problemsOf(verify([folder, '--key', other.publicFile]));
    expect(problem).toMatch(
      /signed with the key [0-9a-f]{64}, which is none of those that are trusted: .*key.pub.pem/,
    );
  });

  test('is refused when its statement was replaced under the signature', async () => {
    const keys = await makeSigningKey();
    const folder = await signedModel(keys);
    const file = join(folder, 'model.sig');
    const bundle = z
      .looseObject({ dsseEnvelope: z.looseObject({ payload: z.string() }) })
      .parse(JSON.parse(await readFile(file, 'utf8')));
    const payload = Buffer.from(bundle.dsseEnvelope.payload, 'base64')
      .toString()
      .replace('model.onnx', 'model.onnY');
    bundle.dsseEnvelope.payload = Buffer.from(payload).toString('base64');
    await writeFile(file, JSON.stringify(bundle));
    const [problem] = await problemsOf(verify([folder, '--key', keys.publicFile]));
    expect(problem).toContain('another key signed, or the statement was changed');
  });

  test('may have files that are left out on purpose, and no others', async () => {
    const keys = await makeSigningKey();
    const folder = await signedModel(keys);
    await writeFile(join(folder, 'later.txt'), '');
    await verify([folder, '--key', keys.publicFile, '--ignore', 'later.txt']);
    await verify([folder, '--key', keys.publicFile, '--ignore-unsigned']);
    await problemsOf(verify([folder, '--key', keys.publicFile]));
  });
});

describe('keys', () => {
  test('a private key that others can read is warned of, and an existing signature is kept', async () => {
    const keys = await makeSigningKey();
    const folder = await signedModel(keys);
    const { chmod } = await import('node:fs/promises');
    await chmod(keys.privateFile, 0o644);
    expect((await sign([folder, '--key', keys.privateFile, '--force'])).progress).toContain(
      'others than its owner may read it',
    );
    const [problem] = await problemsOf(sign([folder, '--key', keys.privateFile]));
    expect(problem).toContain('expected --force to replace it');
  });

  test('a private key where a public one belongs is refused', async () => {
    const keys = await makeSigningKey();
    const folder = await signedModel(keys);
    const [problem] = await problemsOf(verify([folder, '--key', keys.privateFile]));
    expect(problem).toContain('holds a private key, expected a public one');
  });
});

describe.skipIf(!HAS_OPENSSL)('a chain of certificates', () => {
  test('up to an authority that is trusted verifies a model, until one of them has expired', async () => {
    const { root, middle, signer } = await makeSignerChain();
    const folder = await signedModel(await makeSigningKey());
    await sign([
      folder,
      '--key',
      signer.keyFile,
      '--certificate',
      signer.certFile,
      middle.certFile,
      '--force',
    ]);
    expect((await verify([folder, '--authority', root.certFile])).out).toContain('certificate "CN=signer"');
    const later = Date.now() + 3 * 86_400_000;
    const [expired] = await problemsOf(verify([folder, '--authority', root.certFile], later));
    expect(expired).toMatch(/certificate "CN=signer" has expired, on /);
    const { root: other } = await makeSignerChain();
    const [unknown] = await problemsOf(verify([folder, '--authority', other.certFile]));
    expect(unknown).toContain('which is none of the trusted authorities');
  });
});

test('what is written is read back, whatever the files are called; nothing else is taken for a statement', () => {
  const name = fc
    .stringMatching(/^[^/\0\ud800-\udfff]{1,12}$/u)
    .filter((text) => text !== '.' && text !== '..');
  const digest = fc.stringMatching(/^[0-9a-f]{64}$/);
  fc.assert(
    fc.property(fc.dictionary(name, digest, { minKeys: 1, noNullPrototype: true }), (files) => {
      const signed = readStatement(writeStatement('m', new Map(Object.entries(files)), []));
      expect(signed).toMatchObject({ digests: new Map(Object.entries(files)) });
    }),
  );
  fc.assert(fc.property(fc.json(), (json) => Array.isArray(readStatement(Buffer.from(json)))));
});

test('a statement that leads out of the model, or whose digests do not add up, is refused', () => {
  const statement = writeStatement('m', new Map([['a', '00'.repeat(32)]]), []).toString();
  expect(readStatement(Buffer.from(statement.replace('"name": "a"', '"name": "../a"')))).toEqual([
    'the signed statement names "../a", expected a path within the model',
  ]);
  expect(readStatement(Buffer.from(statement.replace('"digest": "00', '"digest": "01')))).toEqual([
    expect.stringContaining('expected the digest of the resources'),
  ]);
});
