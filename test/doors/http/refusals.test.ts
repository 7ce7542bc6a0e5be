import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PredictionSchema, PredictionsSchema } from '../../../src/die/prediction.js';
import { ReadySchema } from '../../../src/doors/http/schemas/status.js';
import { dieOf } from '../../support/dies.js';
import { expectProblem, post, postBytes, RawConnection, send } from '../../support/http.js';
import {
  logModel,
  manifestOf,
  slowModel,
  sumVersion,
  temporaryFolder,
  throwingModel,
} from '../../support/models.js';
import { type StartedApp, startApp } from '../../support/start-app.js';

const die = JSON.stringify(dieOf());

/** A version that takes about 50 ms a die, one die at a time: longer than a scrape of the metrics. */
function slowVersion(batching: Record<string, number> = {}) {
  const onnx = slowModel(512, 3000);
  return {
    onnx,
    manifest: manifestOf(onnx, 512, { name: 'slow', batching: { maxBatchSize: 1, ...batching } }),
  };
}

describe('keys', () => {
  const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');

  async function withKeys(environment: Record<string, string> = {}): Promise<StartedApp> {
    const file = join(await temporaryFolder(), 'keys.json');
    const keys = [
      { id: 'tester', sha256: sha256('tester-key'), permissions: ['predict'] },
      { id: 'engineer', sha256: sha256('engineer-key'), permissions: ['read', 'predict'] },
    ];
    await writeFile(file, JSON.stringify({ keys }));
    return startApp({ versions: [sumVersion(512)], environment: { API_KEYS_FILE: file, ...environment } });
  }

  test('no key or a wrong one is 401, one without the permission 403, the right one is answered', async () => {
    const { url, app } = await withKeys();
    for (const headers of [
      {},
      { 'x-api-key': 'wrong' },
      { 'x-api-key': '' },
      { authorization: 'Basic YTpi' },
    ]) {
      const answer = await post(`${url}/predict`, die, headers);
      expectProblem(answer, 'unauthorized');
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
    expectProblem(await send(`${url}/models`, { headers: { 'x-api-key': 'tester-key' } }), 'forbidden');
    expect((await post(`${url}/predict`, die, { 'x-api-key': 'tester-key' })).status).toBe(200);
    expect((await post(`${url}/predict`, die, { authorization: 'Bearer tester-key' })).status).toBe(200);
    expect((await send(`${url}/models`, { headers: { 'x-api-key': 'engineer-key' } })).status).toBe(200);
    expect(app.catalogue.entries().map(({ state }) => state)).toEqual(['ready']);
  });

  test('probes, metrics and documentation need no key', async () => {
    const { url } = await withKeys();
    for (const path of ['/', '/health', '/ready', '/metrics', '/docs', '/openapi.json']) {
      expect((await send(url + path)).status, path).toBe(200);
    }
  });

  test('a caller without a key is refused before its body has come', async () => {
    const { port } = await withKeys();
    const connection = await RawConnection.open(port);
    connection.write(postBytes('/predict', die).subarray(0, 200));
    expectProblem((await connection.answer()) ?? expect.fail('no answer'), 'unauthorized');
    connection.socket.destroy();
  });

  test('neither an answer nor the log repeats a key', async () => {
    const { url, log, app } = await withKeys({ LOG_LEVEL: 'trace' });
    const answer = await post(`${url}/predict`, die, { 'x-api-key': 'not-so-secret' });
    expect(answer.body).not.toContain('not-so-secret');
    await post(`${url}/predict`, die, { 'x-api-key': 'tester-key' });
    await app.close();
    expect(JSON.stringify(log.lines)).not.toMatch(/not-so-secret|tester-key/);
  });
});

describe('rates', () => {
  test('equipment over its rate gets 429 with retry-after; other equipment is answered', async () => {
    const { url } = await startApp({
      versions: [sumVersion(512)],
      environment: { RATE_LIMIT_PER_SECOND: '3' },
    });
    const from = (equipment_id: string) => post(`${url}/predict`, JSON.stringify(dieOf({ equipment_id })));
    const answers = await Promise.all(Array.from({ length: 10 }, () => from('tester-1')));
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThanOrEqual(1);
    for (const answer of refused) {
      const problem = expectProblem(answer, 'rate_limited');
      expect(problem.detail).toContain('tester-1');
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
    expect((await from('tester-2')).status).toBe(200);
    expect((await send(`${url}/health`)).status).toBe(200);
  });

  test('0 limits nothing', async () => {
    const { url } = await startApp({ versions: [sumVersion(512)] });
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(`${url}/predict`, die)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  });
});

describe('not ready', () => {
  test('before the models are loaded /health is 200, /ready names what is missing, a die gets 503', async () => {
    const { url, app } = await startApp({ versions: [sumVersion(512)], load: false });
    expect((await send(`${url}/health`)).body).toContain('"model_loaded":false');
    const ready = await send(`${url}/ready`);
    expect(ready.status).toBe(503);
    expect(ReadySchema.parse(JSON.parse(ready.body)).missing.join()).toContain('sum/1');
    const answer = await post(`${url}/predict`, die);
    expectProblem(answer, 'model_not_ready');
    expect(answer.headers.get('retry-after')).toBe('1');
    await app.load();
    expect((await send(`${url}/ready`)).status).toBe(200);
    expect((await post(`${url}/predict`, die)).status).toBe(200);
  });
});

describe('a queue that is full', () => {
  test('refuses with 503 and retry-after, before the body has come, and answers what it accepted', async () => {
    const version = slowVersion({ maxQueueSize: 2, defaultDeadlineMs: 60_000 });
    const { url, port } = await startApp({ versions: [version] });
    const answers = await Promise.all(Array.from({ length: 12 }, () => post(`${url}/predict`, die)));
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThanOrEqual(1);
    for (const answer of refused) {
      expectProblem(answer, 'queue_full');
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
    for (const { status, body } of answers) {
      if (status === 200) expect(PredictionSchema.parse(JSON.parse(body)).prediction).toBe('pass');
    }
    const untilAnswered = async () => {
      while ((await post(`${url}/predict`, die)).status === 503);
    };
    const filling = Promise.all(Array.from({ length: 3 }, untilAnswered));
    const connection = await RawConnection.open(port);
    await waitUntil(async () => /^queue_depth_dies\{.*\} 2$/m.test((await send(`${url}/metrics`)).body));
    connection.write(postBytes('/predict', die).subarray(0, 200));
    expectProblem((await connection.answer()) ?? expect.fail('no answer'), 'queue_full');
    connection.socket.destroy();
    await filling;
  });

  test('a batch that could never fit into the queue is 413, not 503 for ever', async () => {
    const { url } = await startApp({
      versions: [sumVersion(4, { batching: { maxQueueSize: 8, maxBatchSize: 4 } })],
    });
    const batch = (dies: number) =>
      post(`${url}/predict/batch`, JSON.stringify(Array(dies).fill(dieOf({}, 4))));
    expect((await batch(8)).status).toBe(200);
    expectProblem(await batch(9), 'batch_too_large');
  });
});

describe('deadlines', () => {
  test('a die that no worker takes within x-deadline-ms gets 504, the die before it is answered', async () => {
    const { url } = await startApp({ versions: [slowVersion()] });
    const patient = () => post(`${url}/predict`, die, { 'x-deadline-ms': '60000' });
    const [first, second] = [patient(), patient()];
    await waitUntil(async () => /^queue_depth_dies\{.*\} 1$/m.test((await send(`${url}/metrics`)).body));
    const late = await Promise.all(
      Array.from({ length: 5 }, () => post(`${url}/predict`, die, { 'x-deadline-ms': '1' })),
    );
    for (const answer of late) expectProblem(answer, 'deadline_exceeded');
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
  });

  test("without x-deadline-ms the version's own deadline holds", async () => {
    const { url } = await startApp({ versions: [slowVersion({ defaultDeadlineMs: 1 })] });
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(`${url}/predict`, die)));
    const late = answers.filter(({ status }) => status !== 200);
    expect(late.length).toBeGreaterThanOrEqual(1);
    for (const answer of late) expectProblem(answer, 'deadline_exceeded');
  });

  test.each(['0', '-5', '1.5', 'soon', '600001', '1000000', '5, 5', ''])(
    'x-deadline-ms of %j is refused with 422',
    async (deadline) => {
      const { app } = await startApp({ versions: [sumVersion(4)] });
      const { statusCode, body } = await app.http.inject({
        method: 'POST',
        url: '/predict',
        headers: { 'x-deadline-ms': deadline, 'content-type': 'application/json' },
        payload: JSON.stringify(dieOf({}, 4)),
      });
      expect(statusCode).toBe(422);
      expect(body).toContain('x-deadline-ms');
    },
  );
});

describe('a model that cannot score a die', () => {
  test('a score that is not finite is 422 naming the die', async () => {
    const onnx = logModel(4);
    const expected = [1, 1, 1, 1].map((value, i) => ({ name: `p${i}`, expected: value }));
    const manifest = manifestOf(onnx, 4, {
      name: 'log',
      input: { name: 'test_params', parameters: expected },
    });
    const { url } = await startApp({ versions: [{ onnx, manifest }] });
    const problem = expectProblem(
      await post(`${url}/predict`, JSON.stringify({ die_id: 'zero', test_params: [0, 1, 1, 1] })),
      'unscorable_die',
    );
    expect(problem.detail).toContain('zero');
    expect((await post(`${url}/predict`, JSON.stringify(dieOf({ test_params: [1, 1, 1, 1] })))).status).toBe(
      200,
    );
  });

  test('a die that the model throws on is 503, the dies around it are answered', async () => {
    const onnx = throwingModel(4);
    const { url } = await startApp({
      versions: [{ onnx, manifest: manifestOf(onnx, 4, { name: 'throwing' }) }],
    });
    const one = (value: number) =>
      post(`${url}/predict`, JSON.stringify(dieOf({ test_params: [value, 1, 1, 1] })));
    const answers = await Promise.all([one(1), one(99), one(2), one(3)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 503, 200, 200]);
    const [, refused] = answers;
    expectProblem(refused ?? expect.fail('no answer'), 'inference_failed');
    expect(refused?.headers.get('retry-after')).toBe('1');
  });

  test('explain where the model has no contributions is 422', async () => {
    const onnx = throwingModel(4);
    const { url } = await startApp({
      versions: [{ onnx, manifest: manifestOf(onnx, 4, { name: 'throwing' }) }],
    });
    const answer = await post(
      `${url}/predict?explain=1`,
      JSON.stringify(dieOf({ test_params: [1, 1, 1, 1] })),
    );
    expect(expectProblem(answer, 'invalid_input').errors?.[0]?.path).toBe('explain');
  });
});

describe('shutting down', () => {
  test('answers what is in flight on keep-alive connections, closes them, and refuses the next', async () => {
    const { url, port, app } = await startApp({ versions: [slowVersion({ defaultDeadlineMs: 60_000 })] });
    const connections = await Promise.all(Array.from({ length: 4 }, () => RawConnection.open(port)));
    for (const connection of connections) connection.write(postBytes('/predict', die));
    await waitUntil(async () => /^queue_depth_dies\{.*\} 3$/m.test((await send(`${url}/metrics`)).body));
    app.drain();
    const ready = await send(`${url}/ready`);
    expect(ready.status).toBe(503);
    expect(ready.headers.get('connection')).toBe('close');
    const closed = app.close();
    for (const connection of connections) {
      const answer = (await connection.answer()) ?? expect.fail('an accepted die was not answered');
      expect(answer.status).toBe(200);
      expect(await connection.closed()).toBe('');
    }
    await closed;
    await expect(send(`${url}/health`)).rejects.toThrow('fetch failed');
  });

  test('the answer under way says that it is the last; a die that is sent behind it is not taken', async () => {
    const { url, port, app } = await startApp({ versions: [slowVersion({ defaultDeadlineMs: 60_000 })] });
    const [first, connection] = [await RawConnection.open(port), await RawConnection.open(port)];
    first.write(postBytes('/predict', die));
    connection.write(postBytes('/predict', die));
    await waitUntil(async () => /^queue_depth_dies\{.*\} 1$/m.test((await send(`${url}/metrics`)).body));
    const closed = app.close();
    connection.write(postBytes('/predict', die));
    const last = await connection.answer();
    expect([last?.status, last?.headers.get('connection')]).toEqual([200, 'close']);
    expect(await connection.answer()).toBeUndefined();
    await closed;
  });

  test('an answer that its reader takes slowly is not cut off', async () => {
    const { port, app } = await startApp({ versions: [sumVersion(512)] });
    const dies = Array.from({ length: 128 }, (_, i) => dieOf({ die_id: `die ${i}` }));
    const connection = await RawConnection.open(port);
    connection.socket.pause();
    const ended = new Promise<void>((resolve) => {
      app.http.server.once('request', (_, response) => response.once('prefinish', () => resolve()));
    });
    connection.write(postBytes('/predict/batch?explain=512', JSON.stringify(dies)));
    await ended;
    const closed = app.close();
    connection.socket.resume();
    const answer = (await connection.answer()) ?? expect.fail('the answer was cut off');
    expect(PredictionsSchema.parse(JSON.parse(answer.body)).count).toBe(128);
    await connection.closed();
    await closed;
  });
});

test('a client that leaves takes its die out of the queue, and no error is logged', async () => {
  const { url, port, log } = await startApp({ versions: [slowVersion({ defaultDeadlineMs: 60_000 })] });
  const connections = await Promise.all(Array.from({ length: 3 }, () => RawConnection.open(port)));
  for (const connection of connections) connection.write(postBytes('/predict', die));
  await waitUntil(async () => /^queue_depth_dies\{.*\} 2$/m.test((await send(`${url}/metrics`)).body));
  for (const connection of connections) connection.socket.resetAndDestroy();
  await waitUntil(async () =>
    /^model_requests_total\{.*status="cancelled".*\} 3$/m.test((await send(`${url}/metrics`)).body),
  );
  expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
});

/** Asks again, as fast as the answers come, until it is so. */
async function waitUntil(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo()));
}
