import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expectProblem, post } from '../../support/http.js';
import { sumVersion, type TestVersion, temporaryFolder } from '../../support/models.js';
import { startApp } from '../../support/start-app.js';

const KEY = { 'x-api-key': 'secret' };

async function started(versions: readonly TestVersion[]) {
  const API_KEYS_FILE = join(await temporaryFolder(), 'keys.json');
  const sha256 = createHash('sha256').update('secret').digest('hex');
  const keys = [{ id: 'admin', sha256, permissions: ['admin', 'predict'] }];
  await writeFile(API_KEYS_FILE, JSON.stringify({ keys }));
  return startApp({ versions, environment: { API_KEYS_FILE } });
}

test('a canary to the version that answers already is refused with 422', async () => {
  const { url } = await started([sumVersion(4)]);
  const { errors } = expectProblem(
    await post(`${url}/admin/models/sum/canary`, '{"to": "1"}', KEY),
    'invalid_input',
  );
  expect(errors).toEqual([{ path: 'to', message: 'expected a version other than `from`, found the same' }]);
});

test('a version that is promoted and unloaded at the same time is not served without being loaded', async () => {
  const { url } = await started([sumVersion(4), sumVersion(4, { version: '2' })]);
  const admin = (version: number, action: string) =>
    post(`${url}/admin/models/sum/versions/${version}/${action}`, undefined, KEY);
  const die = JSON.stringify({ die_id: 'd', test_params: [0, 0, 0, 0] });
  for (let round = 0; round < 20; round++) {
    const both = await Promise.all([admin(2, 'promote'), admin(2, 'unload'), admin(2, 'unload')]);
    for (const { status } of both) expect([200, 409]).toContain(status);
    expect((await post(`${url}/predict`, die, KEY)).status).toBe(200);
    expect((await admin(1, 'promote')).status).toBe(200);
  }
});
