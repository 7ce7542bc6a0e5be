import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSigningKey, signModel } from '../../src/signatures/sign-model.js';
import { SIGNATURE_FILE } from '../../src/signatures/verify-model.js';
import { startAdminApp } from '../support/admin.js';
import { fillRepository, sumVersion, temporaryFolder } from '../support/models.js';
import { makeSigningKey, type SigningKeyFiles } from '../support/signing.js';

async function signFolder(folder: string, { privateFile }: SigningKeyFiles): Promise<void> {
  const file = join(folder, SIGNATURE_FILE);
  const { bundle } = await signModel(folder, await readSigningKey(privateFile, [], undefined), file);
  await writeFile(file, bundle);
}

/** A repository with a signed version 1 and a version 2 that nobody signed. */
async function repositoryOf(keys: SigningKeyFiles): Promise<string> {
  const folder = await temporaryFolder();
  const versions = ['1', '2'].map((version) => sumVersion(4, { name: 'screen', version }));
  await fillRepository(folder, versions, { defaultModel: 'screen', models: { screen: { default: '1' } } });
  await signFolder(join(folder, 'screen', '1'), keys);
  return folder;
}

const settings = (policy: string, keys: SigningKeyFiles) => ({
  MODEL_SIGNATURES: policy,
  MODEL_SIGNATURE_KEYS: keys.publicFile,
});

test('require: a signed version answers and says who signed, an unsigned one takes no die', async () => {
  const keys = await makeSigningKey();
  const repository = await repositoryOf(keys);
  const app = await startAdminApp({ repository, environment: settings('require', keys) });
  const signature = { status: 'verified', signer: `key ${keys.publicFile}` };
  expect((await app.call('GET', '/models/screen/versions/1')).body).toMatchObject({
    state: 'ready',
    signature,
  });
  expect((await app.call('GET', '/models/screen')).body).toMatchObject({
    versions: [
      { state: 'ready', signature },
      { state: 'failed', reason: 'model screen/2: signature: model.sig is missing: the model is not signed' },
    ],
  });
  await signFolder(join(repository, 'screen', '2'), keys);
  expect((await app.call('POST', '/admin/models/screen/versions/2/load')).status).toBe(200);
  const audit = await app.log.line((line) => line.msg === 'audit');
  expect(audit).toMatchObject({ action: 'load', signatures: { '2': signature } });
});

test('require: a manifest that was changed after the server read it is refused, though it is signed anew', async () => {
  const keys = await makeSigningKey();
  const repository = await repositoryOf(keys);
  const folder = join(repository, 'screen', '2');
  await signFolder(folder, keys);
  const app = await startAdminApp({ repository, environment: settings('require', keys) });
  expect((await app.call('POST', '/admin/models/screen/versions/2/unload')).status).toBe(200);
  const file = join(folder, 'manifest.json');
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), threshold: 99 }));
  await signFolder(folder, keys);
  const { status, body } = await app.call('POST', '/admin/models/screen/versions/2/load');
  expect(status).toBe(503);
  expect(body).toMatchObject({ detail: expect.stringContaining('not what it was when the server read it') });
});

test('warn: what nobody signed is served, and said in the log, in /models and in the metrics', async () => {
  const keys = await makeSigningKey();
  const app = await startAdminApp({
    repository: await repositoryOf(keys),
    environment: settings('warn', keys),
  });
  const refused = { status: 'refused', reason: 'model.sig is missing: the model is not signed' };
  expect((await app.call('GET', '/models/screen/versions/2')).body).toMatchObject({ signature: refused });
  const metrics = await (await fetch(`${app.url}/metrics`)).text();
  expect(metrics).toContain('model_signature{model_name="screen",model_version="2",status="refused"} 1');
  expect(metrics).toContain('model_signature{model_name="screen",model_version="1",status="verified"} 1');
  const line = await app.log.line((found) => found.msg === 'signature' && found.level === 'warn');
  expect(line).toMatchObject({ version: 'screen/2', signature: refused });
});

test('off: nobody looks, and nothing is said', async () => {
  const app = await startAdminApp({ repository: await repositoryOf(await makeSigningKey()) });
  const { body } = await app.call('GET', '/models/screen/versions/2');
  expect(body).toMatchObject({ state: 'ready' });
  expect(body).not.toHaveProperty('signature');
});
