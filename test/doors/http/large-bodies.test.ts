import { once } from 'node:events';
import http from 'node:http';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { PredictionsSchema } from '../../../src/die/prediction.js';
import { dieOf } from '../../support/dies.js';
import { expectProblem, post, postBytes, type RawAnswer, RawConnection } from '../../support/http.js';
import { sumVersion } from '../../support/models.js';
import { appForSuite } from '../../support/start-app.js';

const HUNDRED_MB = 100 * 1024 * 1024;
const server = appForSuite(() => ({ versions: [sumVersion(512)] }));

/** Sends a body of white space as a usual client does: at the pace of the socket, reading meanwhile. */
async function postLarge(bytes: number, chunked: boolean, agent: http.Agent): Promise<RawAnswer> {
  const request = http.request(`${server().url}/predict`, {
    agent,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': bytes }),
    },
  });
  const answered = once(request, 'response');
  const chunk = Buffer.alloc(1024 * 1024, ' ');
  Readable.from(
    (function* () {
      for (let sent = 0; sent < bytes; sent += chunk.length) yield chunk;
    })(),
  ).pipe(request);
  const [response] = z.tuple([z.instanceof(http.IncomingMessage)]).parse(await answered);
  let body = '';
  for await (const part of response.setEncoding('utf8')) body += z.string().parse(part);
  const headers = new Headers(
    Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)]),
  );
  return { status: response.statusCode ?? 0, headers, body };
}

describe.each([
  ['with content-length', false],
  ['in chunks', true],
])('a body of 100 MB %s', (_, chunked) => {
  test('is refused with 413 that the client gets to read, and the next die is answered', async () => {
    // One connection at a time: a second request gets its turn only when the first has not hung.
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    expectProblem(await postLarge(HUNDRED_MB, chunked, agent), 'body_too_large');
    expectProblem(await postLarge(HUNDRED_MB, chunked, agent), 'body_too_large');
    agent.destroy();
    expect((await post(`${server().url}/predict`, JSON.stringify(dieOf()))).status).toBe(200);
  });
});

test('a content-length over the limit is refused before any of the body has come', async () => {
  const connection = await RawConnection.open(server().port);
  connection.write(
    postBytes('/predict', '').toString().replace('content-length: 0', `content-length: ${HUNDRED_MB}`),
  );
  expectProblem((await connection.answer()) ?? expect.fail('no answer'), 'body_too_large');
  connection.socket.destroy();
});

test('a content-length beyond what a number can hold is refused', async () => {
  const connection = await RawConnection.open(server().port);
  const length = 'content-length: 99999999999999999999999999';
  connection.write(postBytes('/predict', '').toString().replace('content-length: 0', length));
  const answer = (await connection.answer()) ?? expect.fail('no answer');
  expect([400, 413]).toContain(answer.status);
  connection.socket.destroy();
});

test('a body of nearly MAX_BODY_BYTES that is no JSON is refused with 400', async () => {
  expectProblem(await post(`${server().url}/predict`, '['.repeat(16_000_000)), 'invalid_json');
});

test('a die with a million values is refused with 422 in a short answer', async () => {
  const answer = await post(
    `${server().url}/predict`,
    `{"die_id":"a","test_params":[${'1,'.repeat(999_999)}1]}`,
  );
  expectProblem(answer, 'invalid_input');
});

test('a batch of a million empty dies is refused with 413', async () => {
  const answer = await post(`${server().url}/predict/batch`, `[${'{},'.repeat(999_999)}{}]`);
  expectProblem(answer, 'batch_too_large');
});

test('the largest batch of full dies is answered', async () => {
  const test_params = Array.from({ length: 512 }, (_, i) => 0.123456 + i);
  const dies = Array.from({ length: 1024 }, (_, i) => ({ die_id: `die ${i}`, test_params }));
  const answer = await post(`${server().url}/predict/batch`, JSON.stringify(dies), {
    'x-deadline-ms': '60000',
  });
  expect(PredictionsSchema.parse(JSON.parse(answer.body)).count).toBe(1024);
});
