import { once } from 'node:events';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { beyond } from '../../../../src/doors/http/plugins/slow-readers.js';
import { dieOf } from '../../../support/dies.js';
import { expectProblem, post, postBytes, RawConnection, send } from '../../../support/http.js';
import { sumVersion } from '../../../support/models.js';
import { startApp } from '../../../support/start-app.js';

const die = JSON.stringify(dieOf({}, 4));

function start(environment: Record<string, string>) {
  return startApp({ versions: [sumVersion(4)], environment });
}

describe('the rate of a caller', () => {
  const ask = (url: string, equipment_id: string, path = '/predict') =>
    post(
      url + path,
      JSON.stringify(path === '/predict' ? dieOf({ equipment_id }, 4) : [dieOf({ equipment_id }, 4)]),
    );

  test('of equipment is one for all routes together, and every answer says what is left', async () => {
    const { url } = await start({ RATE_LIMIT_PER_SECOND: '1' });
    const answers = await Promise.all(
      ['/predict', '/predict/batch', '/predict', '/predict/batch'].map((path) => ask(url, 'tester-1', path)),
    );
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(1);
    for (const answer of answers) {
      expect(answer.headers.get('ratelimit-policy')).toBe('"equipment";q=1;w=1');
      expect(answer.headers.get('ratelimit')).toBe('"equipment";r=0;t=1');
    }
    for (const answer of refused) {
      expectProblem(answer, 'rate_limited');
      expect(answer.headers.get('retry-after')).toBe('1');
    }
  });

  test('holds whatever equipment it names, and before its body has come', async () => {
    const { url, port } = await start({ CALLER_RATE_LIMIT_PER_SECOND: '2' });
    const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => ask(url, `tester-${i}`)));
    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(1);
    const connections = await Promise.all(Array.from({ length: 12 }, () => RawConnection.open(port)));
    for (const connection of connections) connection.write(postBytes('/predict', die).subarray(0, 150));
    const early = await Promise.race(connections.map((connection) => connection.answer()));
    expectProblem(early ?? expect.fail('no answer'), 'rate_limited');
    for (const connection of connections) connection.socket.destroy();
  });

  test('is that of the address that a trusted proxy names, and of nobody else', async () => {
    const behind = async (url: string, client: string) =>
      (await post(`${url}/predict`, die, { 'x-forwarded-for': client })).status;
    const trusting = await start({ CALLER_RATE_LIMIT_PER_SECOND: '1', TRUSTED_PROXIES: '127.0.0.0/8' });
    const many = await Promise.all(Array.from({ length: 6 }, (_, i) => behind(trusting.url, `10.0.0.${i}`)));
    expect(many).toEqual([200, 200, 200, 200, 200, 200]);
    const doubting = await start({ CALLER_RATE_LIMIT_PER_SECOND: '1' });
    const forged = await Promise.all(
      Array.from({ length: 6 }, (_, i) => behind(doubting.url, `10.0.0.${i}`)),
    );
    expect(forged).toContain(429);
  });
});

describe('headers', () => {
  const get = (headers: string) => `GET /health HTTP/1.1\r\nhost: a\r\n${headers}\r\n`;

  test('of more than 100 are refused, not left out without a word', async () => {
    const { port } = await start({});
    const connection = await RawConnection.open(port);
    connection.write(get(Array.from({ length: 99 }, (_, i) => `x-${i}: a\r\n`).join('')));
    expect((await connection.answer())?.status).toBe(200);
    connection.write(get(Array.from({ length: 100 }, (_, i) => `x-${i}: a\r\n`).join('')));
    expectProblem((await connection.answer()) ?? expect.fail('no answer'), 'headers_too_large');
    connection.socket.destroy();
  });

  test.each(['a"b', 'a b', '<script>', 'a\u001b[31m', '../../../etc/passwd\u00ff', 'x'.repeat(129), "';--"])(
    'x-request-id of %j is not taken over',
    async (id) => {
      const { port } = await start({});
      const connection = await RawConnection.open(port);
      connection.socket.write(Buffer.from(get(`x-request-id: ${id}\r\n`), 'latin1'));
      const answer = (await connection.answer()) ?? expect.fail('no answer');
      const given = answer.headers.get('x-request-id');
      // Some are no header at all, and get an id with their refusal.
      expect([200, 400]).toContain(answer.status);
      expect(given).toMatch(/^[0-9a-f]{12}-[0-9a-z]+$/);
      connection.socket.destroy();
    },
  );
});

describe('names in JSON', () => {
  test.each([
    '{"__proto__":{"die_id":"a","test_params":[1,1,1,1]}}',
    '{"constructor":{"prototype":{"x":1}},"die_id":"a","test_params":[1]}',
  ])('that reach for prototypes name nothing: %s', async (body) => {
    const { url } = await start({});
    expectProblem(await post(`${url}/predict`, body), 'invalid_input');
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test('a valid die with __proto__ beside is that die', async () => {
    const { url } = await start({});
    const body = '{"__proto__":{"equipment_id":"evil"},"die_id":"a","test_params":[1,1,1,1]}';
    const answer = await post(`${url}/predict`, body);
    expect(answer.status).toBe(200);
    expect(answer.body).not.toContain('evil');
  });
});

describe('memory', () => {
  test.each([
    ['on the direct way', []],
    ['on the other', ['x-other: 1']],
  ])(
    'of large bodies that are arriving is bounded; dies pass meanwhile; it is given back: %s',
    async (_, headers) => {
      const { url, port, app } = await start({ MAX_BODY_BYTES: '2000000', MAX_BUFFERED_BYTES: '2000000' });
      const large = postBytes('/predict/batch', ' '.repeat(1_900_000), headers);
      const connected = once(app.http.server, 'connection');
      const first = await RawConnection.open(port);
      const [socket] = await connected;
      first.write(large.subarray(0, 1_900_000));
      await received(z.instanceof(Socket).parse(socket), 1_890_000);
      const second = await RawConnection.open(port);
      second.write(large);
      const refused = (await second.answer()) ?? expect.fail('no answer');
      expectProblem(refused, 'queue_full');
      expect(refused.headers.get('retry-after')).toBe('1');
      expect((await post(`${url}/predict`, die)).status).toBe(200);
      first.socket.resetAndDestroy();
      let status = 503;
      while (status === 503) status = (await post(`${url}/predict/batch`, ' '.repeat(1_900_000))).status;
      expect(status).toBe(400);
    },
  );
});

/** Resolves when so many bytes have been read. */
async function received(socket: Socket, bytes: number): Promise<void> {
  while (socket.bytesRead < bytes) await new Promise((resolve) => setImmediate(resolve));
}

test.each([
  [[], []],
  [[5, 5], []],
  [[5, 6], [6]],
  [[1, 9, 2, 7], [9]],
  [
    [10, 10, 10],
    [10, 10],
  ],
  [[11], [11]],
])(
  'of connections with %j unread bytes, of 10 allowed, those with the most have to go: %j',
  (unread, gone) => {
    const connections = unread.map((writableLength) => ({ writableLength }));
    expect(beyond(connections, 10).map(({ writableLength }) => writableLength)).toEqual(gone);
  },
);

describe('connections', () => {
  test('beyond MAX_CONNECTIONS are closed, and there is room again when one ends', async () => {
    const { port, log } = await start({ MAX_CONNECTIONS: '2' });
    const [first, second] = [await RawConnection.open(port), await RawConnection.open(port)];
    for (const connection of [first, second]) connection.write('GET /health HTTP/1.1\r\nhost: a\r\n\r\n');
    expect((await first.answer())?.status).toBe(200);
    expect((await second.answer())?.status).toBe(200);
    for (let more = 0; more < 3; more++) {
      const third = await RawConnection.open(port);
      expect(await third.closed()).toBe('');
    }
    first.write('GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n');
    const metrics = (await first.answer())?.body;
    expect(metrics).toMatch(/^open_connections 2$/m);
    expect(metrics).toMatch(/^connections_refused_total 3$/m);
    expect(log.lines.filter(({ msg }) => msg === 'connections refused')).toMatchObject([
      { level: 'warn', refused: 1, max_connections: 2 },
    ]);
    first.socket.destroy();
    await expect
      .poll(async () => {
        const next = await RawConnection.open(port);
        next.write('GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
        return (await next.answer())?.status;
      })
      .toBe(200);
    second.socket.destroy();
  });

  test('that never send anything are closed', async () => {
    const { port } = await start({ REQUEST_TIMEOUT_MS: '200' });
    const silent = await RawConnection.open(port);
    await silent.closed();
  });

  test('that send on and on without reading the answers are cut off; others are answered', async () => {
    const { port, url } = await start({ REQUEST_TIMEOUT_MS: '400' });
    const deaf = await RawConnection.open(port);
    deaf.socket.pause();
    const requests = 'GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(400);
    const flood = setInterval(() => deaf.write(requests), 20);
    await expect
      .poll(() => deaf.socket.destroyed || deaf.socket.errored !== null, { timeout: 20_000 })
      .toBe(true);
    clearInterval(flood);
    expect((await send(`${url}/health`)).status).toBe(200);
  });

  test('whose unread answers are too much in all are cut off', async () => {
    const { port, url, app } = await start({ MAX_BODY_BYTES: '1024', MAX_BUFFERED_BYTES: '1024' });
    const deaf = await RawConnection.open(port);
    deaf.socket.pause();
    const [socket] = await Promise.all([
      once(app.http.server, 'request').then(
        ([request]) => z.instanceof(IncomingMessage).parse(request).socket,
      ),
      deaf.write('GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(800)),
    ]);
    await once(socket, 'close');
    expect((await send(`${url}/health`)).status).toBe(200);
    deaf.socket.destroy();
  });
});
