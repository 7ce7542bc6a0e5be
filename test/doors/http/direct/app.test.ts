import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { dieOf } from '../../../support/dies.js';
import { postBytes, RawConnection, send } from '../../../support/http.js';
import { manifestOf, slowModel, sumVersion, temporaryFolder } from '../../../support/models.js';
import { type StartedApp, startApp } from '../../../support/start-app.js';

const DIE = JSON.stringify(dieOf());
const REQUEST = postBytes('/predict', DIE);

/** An app whose one worker takes about 50 ms a die, one die at a time. */
function startSlow(): Promise<StartedApp> {
  const onnx = slowModel(512, 3000);
  const batching = { maxBatchSize: 1, defaultDeadlineMs: 60_000 };
  return startApp({
    versions: [{ onnx, manifest: manifestOf(onnx, 512, { name: 'slow', batching }) }],
  });
}

/** Asks for the metrics until they have the line. */
async function untilMetric({ url }: StartedApp, line: RegExp): Promise<void> {
  while (!line.test((await send(`${url}/metrics`)).body));
}

/** How many requests node:http has read, from now on. */
function countOthers({ app }: StartedApp): () => number {
  let others = 0;
  app.http.server.on('request', () => {
    others++;
  });
  return () => others;
}

async function ask(connection: RawConnection, request: Buffer = REQUEST) {
  connection.write(request);
  return (await connection.answer()) ?? expect.fail('no answer');
}

/** So many dies in flight, each on a connection of its own, of which ten at least wait in the queue. */
async function fillQueue(server: StartedApp, dies = 16): Promise<RawConnection[]> {
  const connections = await Promise.all(Array.from({ length: dies }, () => RawConnection.open(server.port)));
  for (const connection of connections) connection.write(REQUEST);
  await untilMetric(server, /^queue_depth_dies\{.*\} 1\d$/m);
  return connections;
}

test.each(['end', 'destroy', 'resetAndDestroy'] as const)(
  'a client that leaves by %s takes its die out of the queue, and no error is logged',
  async (leave) => {
    const server = await startSlow();
    const others = countOthers(server);
    const connections = await fillQueue(server);
    const scrapes = others();
    for (const connection of connections) connection.socket[leave]();
    await untilMetric(server, /^queue_depth_dies\{.*\} 0$/m);
    expect(scrapes).toBeLessThan(others());
    const cancelled = /^model_requests_total\{.*status="cancelled".*\} (\d+)$/m;
    const metrics = (await send(`${server.url}/metrics`)).body;
    expect(Number(cancelled.exec(metrics)?.[1])).toBeGreaterThanOrEqual(5);
    expect(metrics).toMatch(/^open_connections [12]$/m);
    expect(server.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  },
);

describe('shutting down', () => {
  test('answers dies in flight and those that are arriving, and closes idle and silent connections', async () => {
    const server = await startSlow();
    const open = () => RawConnection.open(server.port);
    const idle = await open();
    expect((await ask(idle)).status).toBe(200);
    const [silent, arriving, ahead] = [await open(), await open(), await open()];
    await fillQueue(server);
    ahead.write(REQUEST);
    arriving.write(REQUEST.subarray(0, 1_000));
    // A whole turn of another connection, so that all of it has been read.
    await send(`${server.url}/health`);
    ahead.write(REQUEST);
    await send(`${server.url}/health`);
    const ended = server.app.close();
    arriving.write(REQUEST.subarray(1_000));
    for (const connection of [arriving, ahead]) {
      const last = await connection.answer();
      expect([last?.status, last?.headers.get('connection')]).toEqual([200, 'close']);
    }
    for (const connection of [idle, silent, arriving, ahead]) expect(await connection.closed()).toBe('');
    await ended;
  });

  test('tells the clients beforehand, with each answer, to leave', async () => {
    const server = await startApp({ versions: [sumVersion(512)] });
    const connection = await RawConnection.open(server.port);
    expect((await ask(connection)).headers.get('connection')).toBe('keep-alive');
    server.app.drain();
    const last = await ask(connection);
    expect([last.status, last.headers.get('connection')]).toEqual([200, 'close']);
    expect(await connection.closed()).toBe('');
  });
});

describe('what takes a while goes the other way', () => {
  test('a version that is loaded when it is first asked for', async () => {
    const server = await startApp({
      versions: [sumVersion(4), sumVersion(512, { name: 'lazy' })],
      serving: { defaultModel: 'sum', models: { lazy: { lazy: true } } },
      environment: { LAZY_WAIT_MS: '20000' },
    });
    const others = countOthers(server);
    const request = postBytes('/models/lazy/predict', DIE);
    for (const expected of [1, 1]) {
      const connection = await RawConnection.open(server.port);
      expect((await ask(connection, request)).status).toBe(200);
      expect(others()).toBe(expected);
      connection.socket.destroy();
    }
  });

  test('a token that is new; one that is known does not', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwks = join(await temporaryFolder(), 'jwks.json');
    await writeFile(jwks, JSON.stringify({ keys: [await exportJWK(publicKey)] }));
    const server = await startApp({
      versions: [sumVersion(512)],
      environment: { JWT_JWKS_FILE: jwks, JWT_ISSUER: 'floor', JWT_AUDIENCE: 'diegate' },
    });
    const tokenOf = (scope: string) =>
      new SignJWT({ scope })
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuer('floor')
        .setAudience('diegate')
        .setSubject('cell-7')
        .setExpirationTime('5m')
        .sign(privateKey);
    const others = countOthers(server);
    const statusOf = async (token: string) => {
      const connection = await RawConnection.open(server.port);
      const { status } = await ask(
        connection,
        postBytes('/predict', DIE, [`authorization: Bearer ${token}`]),
      );
      connection.socket.destroy();
      return [status, others()];
    };
    const good = await tokenOf('diegate:predict');
    expect(await statusOf(good)).toEqual([200, 1]);
    expect(await statusOf(good)).toEqual([200, 1]);
    const reader = await tokenOf('diegate:read');
    expect(await statusOf(reader)).toEqual([403, 2]);
    expect(await statusOf(reader)).toEqual([403, 3]);
    expect(await statusOf(`${good.slice(0, -8)}AAAAAAAA`)).toEqual([401, 4]);
  });
});

describe('rates', () => {
  const other = 'x-other: 1';

  test.each([{ RATE_LIMIT_PER_SECOND: '1000' }, { CALLER_RATE_LIMIT_PER_SECOND: '1000' }])(
    'are counted on this way too, and every answer says what is left: %j',
    async (environment) => {
      const server = await startApp({ versions: [sumVersion(512)], environment });
      const others = countOthers(server);
      const connection = await RawConnection.open(server.port);
      const answers = [await ask(connection), await ask(connection, postBytes('/predict', '{'))];
      expect([answers.map(({ status }) => status), others()]).toEqual([[200, 400], 0]);
      expect(answers[0]?.headers.get('ratelimit')).toMatch(/^"(equipment|caller)";r=999;t=1$/);
      connection.socket.destroy();
    },
  );

  test('are one for both ways', async () => {
    const server = await startApp({
      versions: [sumVersion(512)],
      environment: { CALLER_RATE_LIMIT_PER_SECOND: '3' },
    });
    const statuses = await Promise.all(
      [[], [other], [], [other], [], [other], [], [other]].map(async (headers) => {
        const connection = await RawConnection.open(server.port);
        const { status } = await ask(connection, postBytes('/predict', DIE, headers));
        connection.socket.destroy();
        return status;
      }),
    );
    // Of a second at most three; they may fall into two.
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(6);
    expect(statuses).toContain(429);
  });

  test('that are used up have a request refused before its body has come, by node:http', async () => {
    const server = await startApp({
      versions: [sumVersion(512)],
      environment: { CALLER_RATE_LIMIT_PER_SECOND: '1' },
    });
    const head = REQUEST.subarray(0, REQUEST.indexOf('{') + 1);
    let refused: Awaited<ReturnType<RawConnection['answer']>>;
    while (refused === undefined) {
      const [first, second] = [await RawConnection.open(server.port), await RawConnection.open(server.port)];
      await ask(first);
      second.write(head);
      const answer = second.answer();
      // In the next second it is let in, and waits for its body.
      refused = await Promise.race([answer, sleep(200, undefined)]);
      for (const { socket } of [first, second]) socket.destroy();
    }
    expect([refused.status, refused.headers.get('ratelimit')]).toEqual([429, '"caller";r=0;t=1']);
  });
});

test.each([[[]], [['x-other: 1']]])(
  'uploads that are cut off count for the rate of their caller, whichever way: %j',
  async (headers) => {
    const server = await startApp({
      versions: [sumVersion(512)],
      environment: { CALLER_RATE_LIMIT_PER_SECOND: '2' },
    });
    const upload = postBytes('/predict/batch', `[${Array(50).fill(DIE).join(',')}]`, headers).subarray(0, -5);
    const refused = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const connection = await RawConnection.open(server.port);
        connection.write(upload);
        const answer = await Promise.race([connection.answer(), sleep(300, undefined)]);
        connection.socket.resetAndDestroy();
        return answer?.status === 429;
      }),
    );
    // Two of each second are let in and wait for their last bytes.
    expect(refused.filter(Boolean).length).toBeGreaterThanOrEqual(4);
  },
);

test('a caller that is over its rate has no version loaded', async () => {
  const server = await startApp({
    versions: [sumVersion(4), sumVersion(512, { name: 'lazy' })],
    serving: { defaultModel: 'sum', models: { lazy: { lazy: true } } },
    environment: { CALLER_RATE_LIMIT_PER_SECOND: '1' },
  });
  const one = postBytes('/predict', JSON.stringify(dieOf({}, 4)));
  const lazy = postBytes('/models/lazy/predict', DIE);
  const connection = await RawConnection.open(server.port);
  while ((await ask(connection, one)).status !== 429);
  expect((await ask(connection, lazy)).status).toBe(429);
  connection.socket.destroy();
  const models = await send(`${server.url}/models/lazy`);
  expect(models.body).toContain('"unloaded"');
});

test('callers are those that trusted proxies name', async () => {
  const server = await startApp({
    versions: [sumVersion(512)],
    environment: { TRUSTED_PROXIES: '127.0.0.0/8', CALLER_RATE_LIMIT_PER_SECOND: '1' },
  });
  const others = countOthers(server);
  const statuses = await Promise.all(
    Array.from({ length: 6 }, async (_, i) => {
      const connection = await RawConnection.open(server.port);
      const headers = [
        `x-forwarded-for: 9.9.9.9, 10.0.0.${i}, 127.0.0.2`,
        'x-real-ip: 10.0.0.1',
        'via: 1.1 a',
      ];
      const { status } = await ask(connection, postBytes('/predict', DIE, headers));
      connection.socket.destroy();
      return status;
    }),
  );
  expect([statuses, others()]).toEqual([[200, 200, 200, 200, 200, 200], 0]);
});
