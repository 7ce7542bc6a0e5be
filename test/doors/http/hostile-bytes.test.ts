import { once } from 'node:events';
import http from 'node:http';
import { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { PredictionSchema } from '../../../src/die/prediction.js';
import { dieOf } from '../../support/dies.js';
import { expectProblem, post, postBytes, type RawAnswer, RawConnection, send } from '../../support/http.js';
import { sumVersion } from '../../support/models.js';
import { appForSuite } from '../../support/start-app.js';

const server = appForSuite(() => ({
  versions: [sumVersion(512)],
  environment: { REQUEST_TIMEOUT_MS: '400' },
}));
const die = JSON.stringify(dieOf());

/** Sends bytes, and gives the answers and whether the server then closed the connection. */
async function exchange(bytes: string | Buffer, answers = 1): Promise<RawAnswer[]> {
  const connection = await RawConnection.open(server().port);
  connection.write(bytes);
  const read: RawAnswer[] = [];
  for (let i = 0; i < answers; i++) read.push((await connection.answer()) ?? expect.fail(`no answer ${i}`));
  connection.socket.destroy();
  return read;
}

afterEach(async () => {
  const answer = await post(`${server().url}/predict`, die);
  expect(answer.status, 'the server goes on').toBe(200);
  const metrics = await send(`${server().url}/metrics`);
  expect(metrics.body).not.toMatch(/status_class="5xx"/);
  expect(server().log.lines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
});

describe('bytes that are no HTTP request get 400 and the connection is closed', () => {
  test.each([
    ['garbage', 'hello\r\n\r\n'],
    ['TLS on the plain port', Buffer.from([0x16, 0x03, 0x01, 0x00, 0xc8, 0x01, 0x00, 0x00, 0xc4, 0x03])],
    ['an unknown method', 'GRAB /predict HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['an HTTP version that is none', 'GET /health HTTP/9.9\r\nhost: a\r\n\r\n'],
    ['a header without a colon', 'GET /health HTTP/1.1\r\nhost\r\n\r\n'],
    ['a content-length that is none', 'POST /predict HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n'],
    ['a negative content-length', 'POST /predict HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n'],
    [
      'a content-length beside chunks (request smuggling)',
      'POST /predict HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    [
      'a chunk size that is none',
      'POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
    ],
  ])('%s', async (_, bytes) => {
    const connection = await RawConnection.open(server().port);
    connection.write(bytes);
    const answer = (await connection.answer()) ?? expect.fail('no answer');
    expectProblem(answer, 'bad_request');
    expect(answer.headers.get('connection')).toBe('close');
    expect(await connection.closed()).toBe('');
  });

  test('a client that sends on regardless still gets the answer, and is cut off', async () => {
    const connection = await RawConnection.open(server().port);
    connection.write('hello\r\n\r\n');
    const flood = setInterval(() => connection.write('x'.repeat(10_000)), 5);
    expectProblem((await connection.answer()) ?? expect.fail('no answer'), 'bad_request');
    await connection.closed();
    clearInterval(flood);
  });
});

describe('headers that are too large get 431', () => {
  test.each([
    ['one of 200,000 bytes', `x-a: ${'a'.repeat(200_000)}`],
    ['20,000 of them', Array.from({ length: 20_000 }, (_, i) => `x-${i}: a`).join('\r\n')],
    ['a URL of 100,000 bytes', undefined],
  ])('%s', async (_, header) => {
    const head =
      header === undefined ? `GET /${'a'.repeat(100_000)} HTTP/1.1` : `GET / HTTP/1.1\r\n${header}`;
    const [answer] = await exchange(`${head}\r\nhost: a\r\n\r\n`);
    expectProblem(answer ?? expect.fail('no answer'), 'headers_too_large');
  });
});

describe('requests that are HTTP but make no sense', () => {
  test.each([
    ['no host header', 'GET /health HTTP/1.1\r\n\r\n', 'bad_request'],
    ['a path that is not valid percent-encoding', 'GET /%ff%zz HTTP/1.1\r\nhost: a\r\n\r\n', 'bad_request'],
    [
      'a part of a path of 400 characters',
      `GET /models/${'a'.repeat(400)} HTTP/1.1\r\nhost: a\r\n\r\n`,
      'not_found',
    ],
    [
      'a path out of the docs',
      'GET /docs/static/..%2f..%2f..%2fpackage.json HTTP/1.1\r\nhost: a\r\n\r\n',
      'not_found',
    ],
    ['a NUL in a path of the docs', 'GET /docs/static/%00 HTTP/1.1\r\nhost: a\r\n\r\n', 'bad_request'],
    ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n', 'not_found'],
    ['GET of a POST route', 'GET /predict HTTP/1.1\r\nhost: a\r\n\r\n', 'method_not_allowed'],
    ['OPTIONS of a POST route', 'OPTIONS /predict HTTP/1.1\r\nhost: a\r\n\r\n', 'method_not_allowed'],
    [
      'PUT of a POST route',
      'PUT /predict HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n',
      'method_not_allowed',
    ],
    ['DELETE of a GET route', 'DELETE /models HTTP/1.1\r\nhost: a\r\n\r\n', 'method_not_allowed'],
    ['TRACE', 'TRACE / HTTP/1.1\r\nhost: a\r\n\r\n', 'method_not_allowed'],
  ] as const)('%s', async (_, bytes, code) => {
    const [answer] = await exchange(bytes);
    expectProblem(answer ?? expect.fail('no answer'), code);
  });

  test('a request to nowhere is refused before its body has come', async () => {
    const [answer] = await exchange('POST /nowhere HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n');
    expectProblem(answer ?? expect.fail('no answer'), 'not_found');
  });

  test('HEAD of a POST route is 405 without a body, and the connection stays in step', async () => {
    const connection = await RawConnection.open(server().port);
    connection.write('HEAD /predict HTTP/1.1\r\nhost: a\r\n\r\nGET /health HTTP/1.1\r\nhost: a\r\n\r\n');
    expect((await connection.answer({ toHead: true }))?.status).toBe(405);
    expect((await connection.answer())?.status).toBe(200);
    connection.socket.destroy();
  });

  test('an expectation that is not known is ignored', async () => {
    const [answer] = await exchange('GET /health HTTP/1.1\r\nhost: a\r\nexpect: the unexpected\r\n\r\n');
    expect(answer?.status).toBe(200);
  });

  test('CONNECT is cut off', async () => {
    const connection = await RawConnection.open(server().port);
    connection.write('CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n');
    expect(await connection.closed()).toBe('');
  });
});

describe('requests that do not come whole', () => {
  test.each([
    [
      'a body',
      `POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{`,
    ],
    ['headers', 'POST /predict HTTP/1.1\r\nhost: a\r\n'],
  ])('%s that take longer than REQUEST_TIMEOUT_MS get 408 and the connection is closed', async (_, bytes) => {
    const connection = await RawConnection.open(server().port);
    connection.write(bytes);
    expectProblem((await connection.answer()) ?? expect.fail('no answer'), 'request_timeout');
    expect(await connection.closed()).toBe('');
  });

  test('a body that trickles in cannot outlast REQUEST_TIMEOUT_MS', async () => {
    const connection = await RawConnection.open(server().port);
    connection.write(postBytes('/predict', die).subarray(0, 200));
    const trickle = setInterval(() => connection.write(' '), 20);
    expectProblem((await connection.answer()) ?? expect.fail('no answer'), 'request_timeout');
    await connection.closed();
    clearInterval(trickle);
  });

  test('a client that leaves in the middle of its body is no error of the server', async () => {
    const connected = once(server().app.http.server, 'connection');
    const connection = await RawConnection.open(server().port);
    const [arrived] = await connected;
    const socket = z.instanceof(Socket).parse(arrived);
    connection.write(postBytes('/predict', die).subarray(0, 300));
    while (socket.bytesRead < 300) await new Promise((resolve) => setImmediate(resolve));
    const gone = new Promise((resolve) => socket.once('close', resolve));
    connection.socket.resetAndDestroy();
    await gone;
    // The log is looked at after every test of this file.
  });

  test('a client that ends its side in the middle of its body gets 400', async () => {
    const connection = await RawConnection.open(server().port);
    connection.socket.end(postBytes('/predict', die).subarray(0, 300));
    expectProblem((await connection.answer()) ?? expect.fail('no answer'), 'bad_request');
    await connection.closed();
  });
});

describe('pipelined requests are answered in their order', () => {
  const numbered = (i: number) => postBytes('/predict', JSON.stringify(dieOf({ die_id: `die ${i}` })));

  test('many dies at once', async () => {
    const bytes = Buffer.concat(Array.from({ length: 20 }, (_, i) => numbered(i)));
    const answers = await exchange(bytes, 20);
    const ids = answers.map(({ body }) => PredictionSchema.parse(JSON.parse(body)).die_id);
    expect(ids).toEqual(Array.from({ length: 20 }, (_, i) => `die ${i}`));
  });

  test('a probe behind a die does not overtake it', async () => {
    const [first, second] = await exchange(
      Buffer.concat([numbered(1), Buffer.from('GET /health HTTP/1.1\r\nhost: a\r\n\r\n')]),
      2,
    );
    expect(first?.body).toContain('die 1');
    expect(second?.body).toContain('uptime_seconds');
  });

  test.each([
    ['garbage', 'hello\r\n\r\n'],
    ['headers that are too large', `GET / HTTP/1.1\r\nx-a: ${'a'.repeat(200_000)}\r\n\r\n`],
    ['a bad chunk', 'POST /predict HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
  ])('%s behind two dies is refused after both were answered', async (_, bytes) => {
    const answers = await exchange(Buffer.concat([numbered(1), numbered(2), Buffer.from(bytes)]), 3);
    expect(answers.map(({ status }) => Math.floor(status / 100))).toEqual([2, 2, 4]);
    expect(answers.slice(0, 2).map(({ body }) => PredictionSchema.parse(JSON.parse(body)).die_id)).toEqual([
      'die 1',
      'die 2',
    ]);
  });

  test('expect: 100-continue behind a die: nothing stands in the middle of its answer', async () => {
    const connection = await RawConnection.open(server().port);
    const expecting = postBytes('/predict', '{"die_id":', ['expect: 100-continue']);
    connection.write(Buffer.concat([numbered(1), expecting]));
    expect((await connection.answer())?.body).toContain('die 1');
    const refused = (await connection.answer()) ?? expect.fail('no answer');
    expectProblem(refused, 'invalid_json');
    expect(refused.headers.get('connection')).toBe('close');
    expect(await connection.closed()).toBe('');
  });

  test('a refused die does not put the dies behind it out of step', async () => {
    const bad = postBytes('/predict', '{"die_id":');
    const answers = await exchange(Buffer.concat([numbered(1), bad, numbered(2)]), 3);
    expect(answers.map(({ status }) => status)).toEqual([200, 400, 200]);
  });
});

test('one connection serves many dies', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<number | undefined>();
  for (let i = 0; i < 5; i++) {
    const request = http.request(`${server().url}/predict`, {
      agent,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    request.end(die);
    await new Promise<void>((resolve, reject) => {
      request.once('error', reject);
      request.once('response', (response) => {
        ports.add(request.socket?.localPort);
        response.resume().once('end', resolve);
      });
    });
  }
  agent.destroy();
  expect(ports.size).toBe(1);
});
