import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { dieOf } from '../../../support/dies.js';
import { post, postBytes, type RawAnswer, RawConnection, send } from '../../../support/http.js';
import { sumVersion } from '../../../support/models.js';
import { appForSuite, startApp } from '../../../support/start-app.js';

const PACKAGES = readdirSync(new URL('../../../../node_modules', import.meta.url)).filter(
  // Those whose names are words that an answer may use.
  (name) => name.includes('-') && !name.startsWith('.'),
);
const TELLTALES = [
  /\n\s+at /,
  /\bat \S+ \(/,
  /node_modules|node:internal|\.[cm]?[jt]s\b/,
  /\/(tmp|home|app|usr|root|var|etc)\//,
  /\bE(ACCES|NOENT|CONN\w+|PIPE)\b|\b(FST|ERR|HPE)_\w+/,
  /fastify|pino|zod|undefined|\[object/i,
];

/** Checks that nothing of an answer tells of the program, its files or its packages. */
function expectSilent({ headers, body }: RawAnswer, whenAsked: string): void {
  const text = `${[...headers].flat().join('\n')}\n${body}`;
  for (const telltale of TELLTALES) expect(text, whenAsked).not.toMatch(telltale);
  for (const name of PACKAGES) expect(text, whenAsked).not.toContain(name);
  expect(headers.get('server'), whenAsked).toBeNull();
  expect(headers.get('x-powered-by'), whenAsked).toBeNull();
}

const server = appForSuite(() => ({
  versions: [sumVersion(4)],
  environment: { REQUEST_TIMEOUT_MS: '300', MAX_BODY_BYTES: '100000' },
}));
const good = JSON.stringify(dieOf({}, 4));

describe('a refusal tells nothing of the inside', () => {
  test.each([
    ['not JSON', '/predict', '{"die_id":', {}],
    ['an empty body', '/predict', '', {}],
    ['not UTF-8', '/predict', Buffer.from([0xff, 0xfe]), {}],
    ['null', '/predict', 'null', {}],
    ['a die without values', '/predict', '{"die_id":"a"}', {}],
    ['values of a wrong type', '/predict', '{"die_id":"a","test_params":[{},[],"",true]}', {}],
    ['a value beyond float32', '/predict', '{"die_id":"a","test_params":[1e39,1,1,1]}', {}],
    ['deep nesting', '/predict', '['.repeat(90_000), {}],
    ['no array', '/predict/batch', good, {}],
    ['an empty batch', '/predict/batch', '[]', {}],
    ['too many dies', '/predict/batch', `[${'{},'.repeat(2000)}{}]`, {}],
    ['a large body', '/predict', ' '.repeat(200_000), {}],
    ['a media type', '/predict', '<a/>', { 'content-type': 'text/xml' }],
    ['an encoding', '/predict', good, { 'content-encoding': 'gzip' }],
    [
      'bytes that are no float32',
      '/predict',
      'abc',
      { 'content-type': 'application/octet-stream', 'x-die-id': 'a' },
    ],
    ['a deadline', '/predict', good, { 'x-deadline-ms': 'soon' }],
    ['an explanation', '/predict?explain=x', good, {}],
    ['a model', '/models/none/predict', good, {}],
    ['a version', '/models/sum/versions/9/predict', good, {}],
    ['a route', '/nowhere', good, {}],
  ] as const)('%s', async (name, path, body, headers) => {
    const answer = await post(server().url + path, body, headers);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expectSilent(answer, name);
  });

  test.each([
    ['garbage', 'hello\r\n\r\n'],
    [
      'a chunk',
      'POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
    ],
    ['headers', `GET / HTTP/1.1\r\nx: ${'a'.repeat(100_000)}\r\n\r\n`],
    ['a path', 'GET /%ff HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['a path out of the pages', 'GET /docs/static/..%2f..%2fpackage.json HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['no host', 'GET /health HTTP/1.1\r\n\r\n'],
    ['a body that does not come', postBytes('/predict', good).subarray(0, 130)],
  ])('%s', async (name, bytes) => {
    const connection = await RawConnection.open(server().port);
    connection.write(bytes);
    expectSilent((await connection.answer()) ?? expect.fail('no answer'), name);
    connection.socket.destroy();
  });

  test('an error that nobody foresaw is a bare 500, and the log has all of it', async () => {
    const { url, app, log } = await startApp({ versions: [sumVersion(4)] });
    app.catalogue.models = () => {
      throw new TypeError('Cannot read /etc/diegate/secret of undefined');
    };
    const answer = await send(`${url}/models`);
    expect(answer.status).toBe(500);
    expectSilent(answer, 'a fault of the server');
    expect(answer.body).not.toContain('secret');
    const line = await log.line(({ msg }) => msg === 'unexpected error');
    expect(JSON.stringify(line)).toContain('secret');
    expect(line.request_id).toBe(answer.headers.get('x-request-id'));
  });
});

describe('what a caller writes cannot forge a line of the log', () => {
  const HOSTILE = 'a\r\n{"level":"fatal","msg":"forged"}\u001b[31m\u2028';

  test.each([
    ['die_id', (url: string) => post(`${url}/predict`, JSON.stringify(dieOf({ die_id: HOSTILE }, 4)))],
    [
      'equipment_id',
      (url: string) => post(`${url}/predict`, JSON.stringify(dieOf({ equipment_id: HOSTILE }, 3))),
    ],
    ['a path', (url: string) => post(`${url}/models/${encodeURIComponent(HOSTILE)}/predict`, good)],
  ])('%s', async (_, ask) => {
    const answer = await ask(server().url);
    const id = answer.headers.get('x-request-id');
    // The collector parses every line that was written: a broken one would fail the test.
    await server().log.line(({ request_id }) => request_id === id);
    expect(server().log.lines.filter(({ msg }) => msg === 'forged')).toEqual([]);
  });
});
