import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { PredictionSchema } from '../../src/die/prediction.js';
import { dieOf } from '../support/dies.js';
import { expectProblem, post, postBytes, RawConnection, send } from '../support/http.js';
import { manifestOf, slowModel, sumVersion, writeRepository } from '../support/models.js';
import { linesOf, ServerProcess } from '../support/server-process.js';

const die = JSON.stringify(dieOf());
const LineSchema = z.looseObject({ level: z.string(), time: z.iso.datetime(), msg: z.string() });
const logOf = (stdout: string) => linesOf(stdout).map((line) => LineSchema.parse(JSON.parse(line)));

/** A version that takes about 50 ms a die, one die at a time. */
function slowVersion() {
  const onnx = slowModel(512, 3000);
  const batching = { maxBatchSize: 1, defaultDeadlineMs: 60_000 };
  return { onnx, manifest: manifestOf(onnx, 512, { name: 'slow', batching }) };
}

describe('a start', () => {
  test('says where the documentation is, and its curl line works as pasted', async () => {
    const server = new ServerProcess({ MODEL_REPOSITORY: await writeRepository([sumVersion(512)]) });
    const url = await server.url();
    const said = await server.saysOnStderr(/Try it/);
    expect(said).toContain(`API documentation   ${url}/docs\n`);
    expect((await send(`${url}/docs`)).status).toBe(200);
    const line = /Try it +(.*)/.exec(said)?.[1] ?? expect.fail('no curl line');
    const { stdout } = await promisify(execFile)('sh', ['-c', line]);
    expect(PredictionSchema.parse(JSON.parse(stdout)).model_name).toBe('sum');
  });

  test.skipIf(process.platform === 'win32')('a port that is taken is one line and exit code 1', async () => {
    const MODEL_REPOSITORY = await writeRepository([sumVersion(4)]);
    const first = new ServerProcess({ MODEL_REPOSITORY });
    const PORT = new URL(await first.url()).port;
    const { code, stdout, stderr } = await new ServerProcess({ MODEL_REPOSITORY, PORT }).ended;
    expect(code).toBe(1);
    expect(linesOf(stderr)).toEqual([
      `diegate: cannot listen on HOST 127.0.0.1, PORT ${PORT}: listen EADDRINUSE: address already in use 127.0.0.1:${PORT}`,
    ]);
    // Workers are started meanwhile; nothing but that is said.
    expect(linesOf(stdout).filter((line) => !/"worker (started|serves)"/.test(line))).toEqual([]);
  });
});

test('a start that leaves the default model unable to answer does not call itself ready', async () => {
  const bad = sumVersion(4, { name: 'bad', outputs: { score: 'no_such_output' } });
  const server = new ServerProcess({
    MODEL_REPOSITORY: await writeRepository([bad, sumVersion(4)], { defaultModel: 'bad', models: {} }),
  });
  const said = await server.saysOnStderr(/curl -s \S+\/ready\n/);
  expect(said).toMatch(/\ndiegate \S+ is up, but not ready: .*bad\/1/);
  const url = /curl -s (\S+)\/ready/.exec(said)?.[1] ?? expect.fail('no address');
  const ready = await send(`${url}/ready`);
  expect(ready.status).toBe(503);
  const NotReadySchema = LineSchema.extend({ missing: z.array(z.string()) });
  const line = NotReadySchema.parse(JSON.parse(await server.logs(/"msg":"not ready"/)));
  expect(line.level).toBe('warn');
  expect(z.looseObject({ missing: z.array(z.string()) }).parse(JSON.parse(ready.body)).missing).toEqual(
    line.missing,
  );
});

describe('the log', () => {
  test('has one JSON line for each prediction request, at level info, and no other noise', async () => {
    const server = new ServerProcess({ MODEL_REPOSITORY: await writeRepository([sumVersion(512)]) });
    const url = await server.url();
    const headers = { 'x-request-id': 'touchdown-1' };
    const answer = await post(`${url}/predict`, die, headers);
    await post(`${url}/predict/batch`, JSON.stringify([dieOf(), dieOf({ die_id: 'b' })]));
    await post(`${url}/predict`, '{', { 'x-request-id': 'bad' });
    for (const path of ['/health', '/ready', '/metrics', '/models', '/nowhere']) await send(url + path);
    server.child.kill('SIGTERM');
    const { stdout } = await server.ended;
    const lines = logOf(stdout);
    const { anomaly_score } = PredictionSchema.parse(JSON.parse(answer.body));
    const [single, batch, ...more] = lines.filter(({ msg }) => msg === 'prediction');
    expect(single).toEqual({
      level: 'info',
      time: expect.any(String),
      msg: 'prediction',
      request_id: 'touchdown-1',
      die_id: 'wafer123_die456',
      model: 'sum',
      version: '1',
      prediction: 'pass',
      score: anomaly_score,
      latency_ms: expect.any(Number),
    });
    expect(batch).toMatchObject({
      die_id: ['wafer123_die456', 'b'],
      prediction: ['pass', 'pass'],
      score: [anomaly_score, anomaly_score],
    });
    expect(more).toEqual([]);
    expect(lines.filter(({ msg }) => msg === 'refused')).toMatchObject([
      { level: 'info', request_id: 'bad', code: 'invalid_json', status: 400 },
    ]);
    expect(lines.map(({ msg }) => msg.replace(/http:.*/, '')).sort()).toEqual([
      'Server listening at ',
      'prediction',
      'prediction',
      'ready',
      'refused',
      'shutting down',
      'stopped',
      'worker serves',
      'worker started',
    ]);
  });

  test('LOG_PREDICTIONS=0 logs no request; 0.5 every second one', async () => {
    for (const [share, expected] of [
      ['0', 0],
      ['0.5', 5],
    ] as const) {
      const server = new ServerProcess({
        MODEL_REPOSITORY: await writeRepository([sumVersion(512)]),
        LOG_PREDICTIONS: share,
      });
      const url = await server.url();
      for (let i = 0; i < 10; i++) await post(`${url}/predict`, die);
      server.child.kill('SIGTERM');
      const lines = logOf((await server.ended).stdout);
      expect(lines.filter(({ msg }) => msg === 'prediction')).toHaveLength(expected);
    }
  });

  test('LOG_LEVEL=warn logs nothing while all is well', async () => {
    const server = new ServerProcess({
      MODEL_REPOSITORY: await writeRepository([sumVersion(512)]),
      LOG_LEVEL: 'warn',
    });
    await post(`${await server.url()}/predict`, die);
    server.child.kill('SIGTERM');
    expect((await server.ended).stdout).toBe('');
  });
});

describe('an end by SIGTERM', () => {
  test('under load: not ready at once, what is in flight is answered, exit code 0', async () => {
    const server = new ServerProcess({
      MODEL_REPOSITORY: await writeRepository([slowVersion()]),
      SHUTDOWN_DELAY_MS: '2000',
      SHUTDOWN_GRACE_MS: '20000',
    });
    const url = await server.url();
    const port = Number(new URL(url).port);
    const testers = await Promise.all(Array.from({ length: 6 }, () => RawConnection.open(port)));
    for (const tester of testers) tester.write(postBytes('/predict', die));
    while (!/^queue_depth_dies\{.*\} [1-9]/m.test((await send(`${url}/metrics`)).body));
    server.child.kill('SIGTERM');
    await server.logs(/"shutting down"/);
    const ready = await send(`${url}/ready`);
    expect(ready.status).toBe(503);
    expect(ready.body).toContain('the server is draining');
    // During the delay the load balancer still sends dies here: they are answered.
    expect((await post(`${url}/predict`, die)).status).toBe(200);
    for (const tester of testers) {
      const answer = (await tester.answer()) ?? expect.fail('a die in flight was not answered');
      expect(answer.status).toBe(200);
    }
    for (const tester of testers) await tester.closed();
    const { code, stderr } = await server.ended;
    expect(code).toBe(0);
    expect(linesOf(stderr)).toHaveLength(3);
    await expect(send(`${url}/health`)).rejects.toThrow('fetch failed');
  });

  test('without a delay: the answers to what is in flight ask to leave, the last one of each connection', async () => {
    const version = sumVersion(512, { batching: { defaultDeadlineMs: 60_000 } });
    const server = new ServerProcess({
      MODEL_REPOSITORY: await writeRepository([version]),
      BATCH_TIMEOUT_MS: '60000',
      SHUTDOWN_GRACE_MS: '60000',
    });
    const url = await server.url();
    const worker = Number(/"worker_pid":(\d+)/.exec(await server.logs(/"worker started"/))?.[1]);
    process.kill(worker, 'SIGSTOP');
    const testers = await Promise.all(
      Array.from({ length: 3 }, () => RawConnection.open(Number(new URL(url).port))),
    );
    const two = Buffer.concat([postBytes('/predict', die), postBytes('/predict', die)]);
    for (const tester of testers) tester.write(two);
    while (!/^decode_duration_seconds_count(\{.*\})? 6$/m.test((await send(`${url}/metrics`)).body));
    server.child.kill('SIGTERM');
    await expect.poll(() => send(`${url}/health`).catch(() => 'closed')).toBe('closed');
    process.kill(worker, 'SIGCONT');
    for (const tester of testers) {
      const answers = [await tester.answer(), await tester.answer()];
      expect(answers.map((answer) => answer?.status)).toEqual([200, 200]);
      expect(answers[1]?.headers.get('connection')).toBe('close');
    }
    expect((await server.ended).code).toBe(0);
  });

  test('during the load of the models is an end like any other: exit code 0, no complaint', async () => {
    const server = new ServerProcess({ MODEL_REPOSITORY: await writeRepository([slowVersion()]) });
    await server.logs(/"worker started"/);
    server.child.kill('SIGTERM');
    const { code, stderr } = await server.ended;
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });

  test('an idle keep-alive connection does not hold it up', async () => {
    const server = new ServerProcess({ MODEL_REPOSITORY: await writeRepository([sumVersion(512)]) });
    const tester = await RawConnection.open(Number(new URL(await server.url()).port));
    tester.write(postBytes('/predict', die));
    expect((await tester.answer())?.status).toBe(200);
    server.child.kill('SIGTERM');
    expect((await server.ended).code).toBe(0);
    expect(await tester.closed()).toBe('');
  });

  test('clients that never finish their requests are refused within the grace period, either way: exit code 0', async () => {
    const server = new ServerProcess({
      MODEL_REPOSITORY: await writeRepository([sumVersion(512)]),
      SHUTDOWN_GRACE_MS: '3000',
    });
    const port = Number(new URL(await server.url()).port);
    const [direct, other] = [await RawConnection.open(port), await RawConnection.open(port)];
    direct.write(postBytes('/predict', die).subarray(0, 300));
    other.write(postBytes('/predict', die, ['expect: 100-continue']).subarray(0, 300));
    expect((await other.answer())?.status, 'the request has begun').toBe(100);
    server.child.kill('SIGTERM');
    for (const connection of [direct, other]) {
      const answer = (await connection.answer()) ?? expect.fail('closed without an answer');
      expect(expectProblem(answer, 'draining').detail).toContain('the rest of the request has not come');
      expect([answer.headers.get('connection'), answer.headers.get('retry-after')]).toEqual(['close', '1']);
      await connection.closed();
    }
    expect((await server.ended).code).toBe(0);
  });

  test('the first request of a connection that was open by then is answered, either way', async () => {
    const server = new ServerProcess({ MODEL_REPOSITORY: await writeRepository([sumVersion(512)]) });
    const url = await server.url();
    const port = Number(new URL(url).port);
    const [direct, other] = [await RawConnection.open(port), await RawConnection.open(port)];
    // The connections have been taken when the answer to a later one has come.
    await send(`${url}/health`);
    server.child.kill('SIGTERM');
    await server.logs(/"shutting down"/);
    direct.write(postBytes('/predict', die));
    other.write(postBytes('/predict', die, ['x-other: 1']));
    for (const connection of [direct, other]) {
      const answer = (await connection.answer()) ?? expect.fail('closed without an answer');
      expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close']);
    }
    expect((await server.ended).code).toBe(0);
  });

  test('passed on twice, as npm does, is one end: exit code 0', async () => {
    const server = new ServerProcess({
      MODEL_REPOSITORY: await writeRepository([sumVersion(512)]),
      SHUTDOWN_DELAY_MS: '300',
    });
    await server.url();
    server.child.kill('SIGTERM');
    await server.logs(/"shutting down"/);
    server.child.kill('SIGTERM');
    const { code, stdout } = await server.ended;
    expect(code).toBe(0);
    expect(stdout).toContain('"stopped"');
  });

  test('and later ones: at once, exit code 1', async () => {
    const server = new ServerProcess({
      MODEL_REPOSITORY: await writeRepository([sumVersion(512)]),
      SHUTDOWN_DELAY_MS: '500000',
      SHUTDOWN_GRACE_MS: '600000',
    });
    await server.url();
    const repeated = setInterval(() => server.child.kill('SIGTERM'), 100);
    const { code, stdout } = await server.ended.finally(() => clearInterval(repeated));
    expect(code).toBe(1);
    expect(stdout).toContain('second SIGTERM, exiting');
    expect(stdout).not.toContain('"stopped"');
  });

  test('SIGHUP ends nothing: keys and certificates are read again, at once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'diegate-hup-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const keys = join(folder, 'keys.json');
    const entry = (id: string) => ({ id, sha256: id.repeat(64), permissions: ['read'] });
    await writeFile(keys, JSON.stringify({ keys: [entry('a')] }));
    const server = new ServerProcess({
      MODEL_REPOSITORY: await writeRepository([sumVersion(512)]),
      API_KEYS_FILE: keys,
      RELOAD_INTERVAL_MS: '600000',
    });
    const url = await server.url();
    await writeFile(keys, JSON.stringify({ keys: [entry('a'), entry('b')] }));
    server.child.kill('SIGHUP');
    expect(await server.logs(/"msg":"reloaded"/)).toContain('API keys');
    await writeFile(keys, '{');
    server.child.kill('SIGHUP');
    expect(await server.logs(/cannot be reloaded, the last good content stays/)).toContain('API keys');
    expect((await send(`${url}/ready`)).status).toBe(200);
    server.child.kill('SIGTERM');
    expect((await server.ended).code).toBe(0);
  });

  test('SIGINT ends it too, without the delay', async () => {
    const server = new ServerProcess({
      MODEL_REPOSITORY: await writeRepository([sumVersion(512)]),
      SHUTDOWN_DELAY_MS: '500000',
      SHUTDOWN_GRACE_MS: '600000',
    });
    await server.url();
    server.child.kill('SIGINT');
    expect((await server.ended).code).toBe(0);
  });
});

test('while a slow model runs, /health answers before the die that was sent first', async () => {
  const server = new ServerProcess({ MODEL_REPOSITORY: await writeRepository([slowVersion()]) });
  const url = await server.url();
  const order: string[] = [];
  const dies = Promise.all(
    Array.from({ length: 4 }, () => post(`${url}/predict`, die).then(() => order.push('die'))),
  );
  while (!/^queue_depth_dies\{.*\} [1-9]/m.test((await send(`${url}/metrics`)).body));
  await send(`${url}/health`).then(() => order.push('health'));
  await dies;
  expect(order).toHaveLength(5);
  expect(order.indexOf('health')).toBeLessThan(order.lastIndexOf('die'));
});
