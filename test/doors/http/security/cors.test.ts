import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hashKey } from '../../../../src/callers/api-keys.js';
import { dieOf } from '../../../support/dies.js';
import { post, send } from '../../../support/http.js';
import { sumVersion, temporaryFolder } from '../../../support/models.js';
import { startApp } from '../../../support/start-app.js';

const die = JSON.stringify(dieOf({}, 4));
const ORIGIN = 'https://floor.example';
const ask = {
  method: 'OPTIONS',
  headers: {
    origin: ORIGIN,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type,x-api-key',
  },
};

test('by default no page of another origin is let in, not even to ask', async () => {
  const { url } = await startApp({ versions: [sumVersion(4)] });
  const asked = await send(`${url}/predict`, ask);
  expect(asked.status).toBe(405);
  expect(asked.headers.get('access-control-allow-origin')).toBeNull();
  const answer = await post(`${url}/predict`, die, { origin: ORIGIN });
  expect(answer.headers.get('access-control-allow-origin')).toBeNull();
});

test('an origin of CORS_ORIGINS may ask without a key and call with one, no other may', async () => {
  const keys = join(await temporaryFolder(), 'keys.json');
  const key = { id: 'page', sha256: hashKey('page-key').toString('hex'), permissions: ['predict'] };
  await writeFile(keys, JSON.stringify({ keys: [key] }));
  const { url } = await startApp({
    versions: [sumVersion(4)],
    environment: { CORS_ORIGINS: `${ORIGIN}, http://localhost:5173`, API_KEYS_FILE: keys },
  });
  const asked = await send(`${url}/predict`, ask);
  expect(asked.status).toBe(204);
  expect(asked.headers.get('access-control-allow-origin')).toBe(ORIGIN);
  expect(asked.headers.get('access-control-allow-credentials')).toBeNull();
  const answer = await post(`${url}/predict`, die, { origin: ORIGIN, 'x-api-key': 'page-key' });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('access-control-allow-origin')).toBe(ORIGIN);
  expect(answer.headers.get('vary')).toContain('Origin');
  const refused = await post(`${url}/predict`, die, { origin: ORIGIN });
  expect(refused.status).toBe(401);
  expect(refused.headers.get('access-control-allow-origin'), 'a page may read why').toBe(ORIGIN);
  for (const other of ['https://evil.example', `${ORIGIN}.evil.example`, 'null']) {
    const from = await post(`${url}/predict`, die, { origin: other });
    expect(from.headers.get('access-control-allow-origin'), other).toBeNull();
  }
});
