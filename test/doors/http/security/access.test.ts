import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import Fastify, { type FastifyInstance } from 'fastify';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { openAccess } from '../../../../src/callers/access.js';
import { hashKey } from '../../../../src/callers/api-keys.js';
import { accessPlugin } from '../../../../src/doors/http/plugins/access.js';
import { createSendRefusal, problemsPlugin } from '../../../../src/doors/http/plugins/problems.js';
import { dieOf } from '../../../support/dies.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { expectProblem, post, RawConnection, send } from '../../../support/http.js';
import { sumVersion, temporaryFolder } from '../../../support/models.js';
import { startApp } from '../../../support/start-app.js';

const die = JSON.stringify(dieOf({}, 4));
const key = (id: string, permissions: string[], more: object = {}) => ({
  id,
  sha256: hashKey(`${id}-key`).toString('hex'),
  permissions,
  ...more,
});

async function keysFile(...keys: object[]): Promise<string> {
  const file = join(await temporaryFolder(), 'keys.json');
  await writeFile(file, JSON.stringify({ keys }));
  return file;
}

function start(environment: Record<string, string>) {
  return startApp({ versions: [sumVersion(4)], environment });
}

test('keys and tokens side by side: each is answered for what it may, and named in the log', async () => {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const jwks = join(await temporaryFolder(), 'jwks.json');
  await writeFile(jwks, JSON.stringify({ keys: [await exportJWK(publicKey)] }));
  const { url, log, app } = await start({
    API_KEYS_FILE: await keysFile(key('cell-7', ['predict'])),
    JWT_JWKS_FILE: jwks,
    JWT_ISSUER: 'floor',
    JWT_AUDIENCE: 'diegate',
  });
  const token = await new SignJWT({ scope: 'diegate:read' })
    .setProtectedHeader({ alg: 'RS256' })
    .setIssuer('floor')
    .setAudience('diegate')
    .setSubject('engineer')
    .setExpirationTime('5m')
    .sign(privateKey);
  const bearer = { authorization: `Bearer ${token}` };
  expect((await post(`${url}/predict`, die, { 'x-api-key': 'cell-7-key' })).status).toBe(200);
  for (const _ of ['new', 'known'])
    expect((await send(`${url}/models`, { headers: bearer })).status).toBe(200);
  const forbidden = await post(`${url}/predict`, die, bearer);
  expectProblem(forbidden, 'forbidden');
  expect(forbidden.headers.get('www-authenticate')).toBe(
    'Bearer error="insufficient_scope", scope="diegate:predict"',
  );
  const tampered = `${token.slice(0, -8)}AAAAAAAA`;
  expectProblem(
    await send(`${url}/models`, { headers: { authorization: `Bearer ${tampered}` } }),
    'unauthorized',
  );
  await app.close();
  expect(log.lines.find(({ msg }) => msg === 'prediction')).toMatchObject({ key_id: 'cell-7' });
  const refused = log.lines.filter(({ msg }) => msg === 'refused');
  expect(refused).toMatchObject([
    { code: 'forbidden', key_id: 'jwt:engineer', route: '/predict' },
    { code: 'unauthorized', route: '/models' },
  ]);
  expect(JSON.stringify(log.lines)).not.toContain(token.slice(-20));
  expect(JSON.stringify(log.lines)).not.toContain('cell-7-key');
});

test('with LOG_LEVEL=warn no refusal is logged', async () => {
  const file = await keysFile(key('cell-7', ['predict']));
  const { url, app, log } = await start({ API_KEYS_FILE: file, LOG_LEVEL: 'warn' });
  expectProblem(await post(`${url}/predict`, die), 'unauthorized');
  await app.close();
  expect(log.lines).toEqual([]);
});

test('a key that has expired is refused, and its holder is told so', async () => {
  const file = await keysFile(
    key('old', ['predict'], { expires: '2020-01-01T00:00:00Z' }),
    key('new', ['predict']),
  );
  const { url } = await start({ API_KEYS_FILE: file });
  const problem = expectProblem(
    await post(`${url}/predict`, die, { 'x-api-key': 'old-key' }),
    'unauthorized',
  );
  expect(problem.detail).toContain('has expired');
  expect((await post(`${url}/predict`, die, { 'x-api-key': 'new-key' })).status).toBe(200);
});

test('a key file that is replaced holds at once; a bad one changes nothing', async () => {
  const file = await keysFile(key('first', ['predict']));
  const { url, log } = await start({ API_KEYS_FILE: file, RELOAD_INTERVAL_MS: '100' });
  const status = async (name: string) =>
    (await post(`${url}/predict`, die, { 'x-api-key': `${name}-key` })).status;
  expect([await status('first'), await status('second')]).toEqual([200, 401]);
  await writeFile(file, '{"keys": [');
  await log.line(({ msg }) => msg.startsWith('cannot be reloaded'));
  expect(await status('first')).toBe(200);
  await copyFile(await keysFile(key('second', ['predict'])), file);
  await log.line(({ msg }) => msg === 'reloaded');
  expect([await status('first'), await status('second')]).toEqual([401, 200]);
});

describe('what can be protected', () => {
  const PAGES = [
    '/docs',
    '/docs/',
    '/docs/static/swagger-ui.css',
    '/docs/static/../static/index.css',
    '/openapi.json',
  ];

  test('/metrics and the documentation ask for the permission read, the probes for nothing', async () => {
    const { url } = await start({
      API_KEYS_FILE: await keysFile(key('reader', ['read']), key('tester', ['predict'])),
      METRICS_ACCESS: 'read',
      DOCS_ACCESS: 'read',
    });
    for (const path of ['/metrics', ...PAGES]) {
      const answer = await send(url + path);
      expectProblem(answer, 'unauthorized');
      expect(answer.headers.get('www-authenticate'), 'for browsers').toContain('Basic');
      // A line for each scheme: Chromium asks for no password where one line has both.
      const lines = (await rawHeadOf(url, path)).filter((line) => /^www-authenticate:/i.test(line));
      expect(lines).toEqual(['www-authenticate: Bearer', 'www-authenticate: Basic realm="diegate"']);
      expectProblem(await send(url + path, { headers: { 'x-api-key': 'tester-key' } }), 'forbidden');
    }
    for (const path of ['/metrics', '/docs/', '/openapi.json']) {
      expect((await send(url + path, { headers: { 'x-api-key': 'reader-key' } })).status, path).toBe(200);
      const basic = `Basic ${Buffer.from('anybody:reader-key').toString('base64')}`;
      expect((await send(url + path, { headers: { authorization: basic } })).status, path).toBe(200);
    }
    for (const path of ['/', '/health', '/ready']) expect((await send(url + path)).status, path).toBe(200);
  });

  test('a password predicts nothing: a browser would send it for whatever page', async () => {
    const { url } = await start({ API_KEYS_FILE: await keysFile(key('tester', ['predict'])) });
    const basic = `Basic ${Buffer.from('anybody:tester-key').toString('base64')}`;
    expectProblem(await post(`${url}/predict`, die, { authorization: basic }), 'unauthorized');
  });

  test('with DOCS_ACCESS off there is no documentation', async () => {
    const { url } = await start({ DOCS_ACCESS: 'off' });
    for (const path of PAGES) expectProblem(await send(url + path), 'not_found');
    expect((await send(url)).body).not.toContain('docs');
  });
});

describe('routes of the permission admin', () => {
  /** What the answer of such a route is to this key. */
  async function answerTo(name: string | undefined, ...keys: object[]) {
    const app = await serverWith(keys);
    const headers = name === undefined ? {} : { 'x-api-key': `${name}-key` };
    const { statusCode, body } = await app.inject({ method: 'POST', url: '/admin/do', headers });
    return { statusCode, body };
  }

  test('are answered to a holder of it, who is named', async () => {
    expect(await answerTo('boss', key('boss', ['admin']))).toEqual({
      statusCode: 200,
      body: '{"by":"boss"}',
    });
  });

  test('are forbidden to others while there is a holder', async () => {
    const keys = [key('boss', ['admin']), key('tester', ['predict', 'read'])];
    expect((await answerTo('tester', ...keys)).statusCode).toBe(403);
    expect((await answerTo(undefined, ...keys)).statusCode).toBe(401);
  });

  test('do not exist while nobody can have it: without keys, without such a key, or once it has expired', async () => {
    expect((await answerTo(undefined)).statusCode).toBe(404);
    expect((await answerTo('tester', key('tester', ['predict', 'read']))).statusCode).toBe(404);
    const expired = key('boss', ['admin'], { expires: '2026-01-01T00:00:00Z' });
    expect((await answerTo('boss', expired)).statusCode).toBe(404);
  });
});

test('whatever stands in the headers of a credential is refused with 401, and nothing worse', async () => {
  const app = await serverWith([key('boss', ['admin'])]);
  const visible = fc.string({
    unit: fc.integer({ min: 0x20, max: 0xff }).map((c) => String.fromCharCode(c)),
  });
  const scheme = fc.constantFrom(
    'Bearer ',
    'bearer  ',
    'Basic ',
    'Negotiate ',
    '',
    'Bearer a.b.',
    'Basic Ojp',
  );
  await fc.assert(
    fc.asyncProperty(scheme, visible, visible, async (start, rest, apiKey) => {
      const headers = { authorization: start + rest, 'x-api-key': apiKey };
      const { statusCode, body } = await app.inject({ method: 'POST', url: '/admin/do', headers });
      expect(statusCode).toBe(401);
      if (rest.trim().length > 8) expect(body).not.toContain(rest.trim());
    }),
    { numRuns: 300 },
  );
});

/** A server with one route of the permission admin, in June 2026. */
async function serverWith(keys: readonly object[]): Promise<FastifyInstance> {
  const access = await openAccess({
    apiKeysFile: keys.length === 0 ? undefined : await keysFile(...keys),
    tokens: undefined,
    reloadIntervalMs: 1000,
    clock: new FakeClock(),
    logger: { info: () => {}, error: () => {} },
    now: () => Date.parse('2026-06-01T00:00:00Z'),
  });
  const app = Fastify();
  onTestFinished(() => app.close());
  await app.register(problemsPlugin, { sendRefusal: createSendRefusal([]), hasAdmin: () => true });
  await app.register(accessPlugin, { access });
  app.post('/admin/do', { config: { permission: 'admin' } }, async (request) => ({ by: request.keyId }));
  return app;
}

/** The lines of an answer's head as they stand on the wire. */
async function rawHeadOf(url: string, path: string): Promise<string[]> {
  const connection = await RawConnection.open(Number(new URL(url).port));
  connection.write(`GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
  return (await connection.closed()).split('\r\n\r\n')[0]?.split('\r\n') ?? [];
}

test('the documentation says of each operation who may call it, and that others are refused', async () => {
  const { url } = await start({ API_KEYS_FILE: await keysFile(key('one', ['predict', 'read', 'admin'])) });
  const OperationSchema = z.looseObject({
    security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
    responses: z.record(z.string(), z.unknown()),
  });
  const { paths, security } = z
    .looseObject({
      paths: z.record(z.string(), z.record(z.string(), OperationSchema)),
      security: z.unknown().optional(),
    })
    .parse(JSON.parse((await send(`${url}/openapi.json`)).body));
  expect(security).toBeUndefined();
  for (const [path, item] of Object.entries(paths)) {
    for (const [method, { security: asked, responses }] of Object.entries(item)) {
      const filled = path.replace('{model}', 'sum').replace('{version}', '1');
      const { status } = await send(url + filled, { method: method.toUpperCase() });
      const schemes = asked?.flatMap((one) => Object.keys(one));
      expect([schemes?.slice(0, 2), '401' in responses, '403' in responses], `${method} ${path}`).toEqual(
        status === 401 ? [['key', 'bearer'], true, true] : [undefined, false, false],
      );
      // A password counts for reading only.
      const reads = method === 'get' || path === '/v2/repository/index';
      if (status === 401) expect(schemes?.includes('basic'), path).toBe(reads);
    }
  }
});

test('a change that may say why, and need not, is documented with a body that may be left out', async () => {
  const { url } = await start({ API_KEYS_FILE: await keysFile(key('one', ['admin'])) });
  const SplitSchema = z.looseObject({ requestBody: z.looseObject({ required: z.boolean() }) });
  const { paths } = z
    .looseObject({
      paths: z.looseObject({
        '/admin/models/{model}/split': z.object({ put: SplitSchema, delete: SplitSchema }),
      }),
    })
    .parse(JSON.parse((await send(`${url}/openapi.json`)).body));
  const { put, delete: end } = paths['/admin/models/{model}/split'];
  expect([put.requestBody.required, end.requestBody.required]).toEqual([true, false]);
});

test.each([
  [['predict'], false],
  [['admin'], true],
])('with keys for %j alone, what changes the server is documented: %s', async (permissions, documented) => {
  const { url } = await start({ API_KEYS_FILE: await keysFile(key('one', permissions)) });
  const { body } = await send(`${url}/openapi.json`);
  const changing = [
    '"/admin/models/{model}/versions/{version}/load"',
    '"/v2/repository/models/{model}/load"',
  ];
  expect(changing.map((path) => body.includes(path))).toEqual([documented, documented]);
});
