import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expectProblem, post } from '../support/http.js';
import { sumVersion, temporaryFolder } from '../support/models.js';
import { startApp } from '../support/start-app.js';

test('a canary to the version that answers already is refused with 422', async () => {
  const API_KEYS_FILE = join(await temporaryFolder(), 'keys.json');
  const sha256 = createHash('sha256').update('secret').digest('hex');
  await writeFile(API_KEYS_FILE, JSON.stringify({ keys: [{ id: 'admin', sha256, permissions: ['admin'] }] }));
  const { url } = await startApp({ versions: [sumVersion(4)], environment: { API_KEYS_FILE } });
  const answer = await post(`${url}/admin/models/sum/canary`, '{"to": "1"}', { 'x-api-key': 'secret' });
  const { errors } = expectProblem(answer, 'invalid_input');
  expect(errors).toEqual([{ path: 'to', message: 'expected a version other than `from`, found the same' }]);
});
