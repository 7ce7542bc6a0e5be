import { describe, expect, test } from 'vitest';
import { expectProblem, RawConnection, send } from '../../support/http.js';
import { sumVersion } from '../../support/models.js';
import { appForSuite, startApp } from '../../support/start-app.js';

const server = appForSuite(() => ({
  versions: [sumVersion(4)],
  environment: { REQUEST_TIMEOUT_MS: '300', PROBE_PORT: '0' },
}));

const CHUNKED = 'host: a\r\ntransfer-encoding: chunked\r\n';
const JSON_TYPE = 'content-type: application/json\r\n';

/** What comes after the first answer, until the connection is closed. */
async function after(port: number, first: string, second: string) {
  const connection = await RawConnection.open(port);
  connection.write(first);
  const answer = (await connection.answer()) ?? expect.fail('no answer');
  connection.write(second);
  return { answer, more: await connection.closed() };
}

describe('a request that was answered before its body went wrong gets no other answer', () => {
  test.each([
    ['to nowhere', `POST /nope HTTP/1.1\r\n${CHUNKED}\r\n`, 'not_found'],
    ['with a wrong method', `PUT /predict HTTP/1.1\r\n${CHUNKED}\r\n`, 'method_not_allowed'],
    ['to no model', `POST /models/nope/predict HTTP/1.1\r\n${CHUNKED}${JSON_TYPE}\r\n`, 'model_not_found'],
    ['of a type that is not read', `POST /predict HTTP/1.1\r\n${CHUNKED}\r\n`, 'unsupported_media_type'],
  ] as const)('%s', async (_, head, code) => {
    const { answer, more } = await after(server().port, head, 'zz\r\n');
    expectProblem(answer, code);
    expect(more).toBe('');
  });

  test('nor where the rest does not come in time', async () => {
    const { more } = await after(server().port, `POST /nope HTTP/1.1\r\n${CHUNKED}\r\n`, '5\r\nab');
    expect(more).toBe('');
  });

  test('on the port of the probes', async () => {
    const { app } = server();
    const address = app.probeServer?.server.address();
    if (typeof address !== 'object' || address === null) throw new Error('no probe port');
    const { more } = await after(address.port, `GET /health HTTP/1.1\r\n${CHUNKED}\r\n`, 'zz\r\n');
    expect(more).toBe('');
  });

  test('but what cannot be read behind a request that came whole is answered', async () => {
    const connection = await RawConnection.open(server().port);
    connection.write('GET /health HTTP/1.1\r\nhost: a\r\n\r\n');
    expect((await connection.answer())?.status).toBe(200);
    connection.write('rubbish\r\n\r\n');
    expectProblem((await connection.answer()) ?? expect.fail('no answer'), 'bad_request');
  });
});

describe('a wrong method', () => {
  test('is 405, and says which there are', async () => {
    for (const [method, path, allow] of [
      ['GET', '/predict', 'POST'],
      ['DELETE', '/models/sum', 'GET, HEAD'],
      ['PUT', '/models/sum/predict/batch', 'POST'],
      ['POST', '/metrics', 'GET, HEAD'],
    ] as const) {
      const answer = await send(server().url + path, { method });
      expectProblem(answer, 'method_not_allowed');
      expect(answer.headers.get('allow')).toBe(allow);
    }
  });

  test('shows no route of the administration while nobody may use it', async () => {
    for (const path of ['/admin/models/sum/versions/1/load', '/v2/repository/models/sum/load'])
      expect((await send(server().url + path)).status).toBe(404);
    for (const path of ['/', '/predictx', '/models/sum/predict/x'])
      expect((await send(server().url + path, { method: 'POST' })).status).toBe(path === '/' ? 405 : 404);
  });
});

describe('a UTF-8 byte order mark before JSON means nothing', () => {
  const die = JSON.stringify({ die_id: 'd', test_params: [0, 0, 0, 0.5] });
  const inputs = [{ name: 'test_params', shape: [1, 4], datatype: 'FP32', data: [0, 0, 0, 0.5] }];
  test.each([
    ['/predict', die],
    ['/predict/batch', `[${die}]`],
    ['/v2/models/sum/infer', JSON.stringify({ inputs })],
    [
      '/models/sum/outcomes',
      JSON.stringify([{ die_id: 'd', model_version: '1', prediction: 'pass', actual: 'pass' }]),
    ],
  ])('of %s', async (path, body) => {
    for (const headers of [{}, { 'x-other': '1' }]) {
      const answer = await send(server().url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: `\ufeff${body}`,
      });
      expect(answer.status, answer.body).toBe(200);
    }
  });
});

test('metrics are packed where that is asked for, and the text is the same', async () => {
  const { url } = await startApp({ versions: [sumVersion(4)] });
  const packed = await fetch(`${url}/metrics`, { headers: { 'accept-encoding': 'gzip' } });
  expect(packed.headers.get('content-encoding')).toBe('gzip');
  expect(await packed.text()).toMatch(/^# HELP [\s\S]*\n$/);
  const plain = await send(`${url}/metrics`, { headers: { 'accept-encoding': 'gzip;q=0' } });
  expect(plain.headers.get('content-encoding')).toBeNull();
});
