import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { PredictionSchema } from '../../src/die/prediction.js';
import { numbers } from '../support/dense-model.js';
import { dieOf } from '../support/dies.js';
import { expectProblem, postBytes, RawConnection, send } from '../support/http.js';
import { manifestOf, slowModel, throwingModel } from '../support/models.js';
import { type StartedApp, startApp } from '../support/start-app.js';

const WIDTH = 64;
const random = numbers(11);
/** Uniform in [0, n). */
const below = (n: number) => Math.floor(Math.abs(random()) * n) % n;

/** An app with a model that takes a millisecond or so for a die, and scores it by the sum of its magnitudes. */
function startWithModel(environment: Readonly<Record<string, string>>): Promise<StartedApp> {
  const onnx = slowModel(WIDTH, 60);
  const batching = { maxBatchSize: 16, defaultDeadlineMs: 60_000 };
  return startApp({
    versions: [{ onnx, manifest: manifestOf(onnx, WIDTH, { name: 'sum', batching }) }],
    // Its log is looked through again and again.
    environment: { LOG_PREDICTIONS: '0', ...environment },
  });
}

function workerPids({ log }: StartedApp): number[] {
  const started = log.lines.filter(({ msg }) => msg === 'worker started');
  return started.map((line) => z.object({ worker_pid: z.number() }).parse(line).worker_pid);
}

/** What became of the dies of some testers. */
interface Seen {
  answered: number;
  failed: number;
  readonly wrong: unknown[];
}

/** A tester on one connection: sends a die of its own, waits for its answer, and so on while it is told to. */
async function testDies(port: number, name: string, goesOn: () => boolean, seen: Seen): Promise<void> {
  const connection = await RawConnection.open(port);
  for (let n = 1; goesOn(); n++) {
    const die_id = `${name}-${n}`;
    const test_params = [n % 1000, ...Array<number>(WIDTH - 1).fill(0)];
    connection.write(postBytes('/predict', JSON.stringify({ die_id, test_params })));
    const answer = await connection.answer();
    if (answer?.status === 200) {
      seen.answered++;
      const found = PredictionSchema.parse(JSON.parse(answer.body));
      if (found.die_id !== die_id || found.anomaly_score !== n % 1000) seen.wrong.push([die_id, found]);
    } else if (answer?.status === 503 && /"urn:diegate:problem:inference_failed"/.test(answer.body))
      seen.failed++;
    else seen.wrong.push([die_id, answer]);
  }
  connection.socket.end();
  // A second answer to anything would still be here.
  const more = await connection.closed();
  if (more !== '') seen.wrong.push([name, more]);
}

/** So many testers while `fault` goes on; what became of their dies, each of which has had one answer. */
async function during(port: number, testers: number, fault: () => Promise<void>): Promise<Seen> {
  const seen: Seen = { answered: 0, failed: 0, wrong: [] };
  let goesOn = true;
  const all = Array.from({ length: testers }, (_, i) => testDies(port, `t${i}`, () => goesOn, seen));
  try {
    await fault();
  } finally {
    goesOn = false;
    await Promise.all(all);
  }
  return seen;
}

describe('under load', () => {
  test('workers killed 100 times at random moments cost no die its one, right answer', {
    timeout: 300_000,
  }, async () => {
    const app = await startWithModel({ INFERENCE_WORKERS: '2' });
    const { answered, failed, wrong } = await during(app.port, 24, async () => {
      for (let kills = 0; kills < 100; ) {
        await sleep(5 + below(100));
        const pid = workerPids(app).at(-1 - below(2));
        if (pid !== undefined && kill(pid, 'SIGKILL')) kills++;
      }
    });
    expect(wrong).toEqual([]);
    expect(answered).toBeGreaterThan(1_000);
    // Of a batch that was hit twice all dies end with 503; most are hit once at most.
    expect(answered).toBeGreaterThan(failed * 10);
  });

  test('workers that hang are replaced, and their dies run again', { timeout: 120_000 }, async () => {
    const app = await startWithModel({ INFERENCE_WORKERS: '2', BATCH_TIMEOUT_MS: '200' });
    const { answered, failed, wrong } = await during(app.port, 24, async () => {
      for (let hangs = 1; hangs <= 5; hangs++) {
        await sleep(50 + below(100));
        // The older one: the newer may still be opening the model, for which it has a minute.
        const pid = workerPids(app).at(-2);
        if (pid !== undefined) kill(pid, 'SIGSTOP');
        while (lost(app) < hangs || workerPids(app).length < 2 + hangs) await sleep(10);
      }
    });
    expect(wrong).toEqual([]);
    expect([failed, lost(app)]).toEqual([0, 5]);
    expect(answered).toBeGreaterThan(100);
  });

  test('poisoned dies fail, and no die beside them', { timeout: 60_000 }, async () => {
    const onnx = throwingModel(4);
    const batching = { maxBatchSize: 64, defaultDeadlineMs: 60_000 };
    const { port } = await startApp({
      versions: [{ onnx, manifest: manifestOf(onnx, 4, { name: 'throwing', batching }) }],
    });
    let poisoned = 0;
    const testers = Array.from({ length: 32 }, async () => {
      const connection = await RawConnection.open(port);
      for (let n = 0; n < 40; n++) {
        const isPoisoned = below(10) === 0;
        if (isPoisoned) poisoned++;
        const die = dieOf({ test_params: [isPoisoned ? 99 : n % 10, 0, 0, 0] }, 4);
        connection.write(postBytes('/predict', JSON.stringify(die)));
        const answer = (await connection.answer()) ?? expect.fail('no answer');
        if (isPoisoned) expectProblem(answer, 'inference_failed');
        else expect([answer.status, JSON.parse(answer.body).anomaly_score]).toEqual([200, n % 10]);
      }
      connection.socket.destroy();
    });
    await Promise.all(testers);
    expect(poisoned).toBeGreaterThan(50);
  });

  test('a thousand clients that leave in the middle of a request harm nobody', {
    timeout: 120_000,
  }, async () => {
    const app = await startWithModel({});
    const { url, port, log } = app;
    const params = JSON.stringify(Array<number>(WIDTH).fill(1.5));
    const one = postBytes('/predict', `{"die_id":"gone","test_params":${params}}`);
    const many = postBytes(
      '/predict/batch',
      `[${Array(200).fill(`{"die_id":"gone","test_params":${params}}`).join(',')}]`,
    );
    const leave = async (): Promise<void> => {
      const connection = await RawConnection.open(port);
      const bytes = below(2) === 0 ? one : many;
      // Half of them have sent all of it, and wait for their dies.
      connection.write(bytes.subarray(0, below(2) === 0 ? bytes.length : 1 + below(bytes.length - 1)));
      await sleep(below(30));
      const ways = ['end', 'destroy', 'resetAndDestroy'] as const;
      connection.socket[ways[below(3)] ?? 'destroy']();
      await connection.closed();
    };
    const { answered, failed, wrong } = await during(port, 8, async () => {
      for (let gone = 0; gone < 1_000; gone += 50) await Promise.all(Array.from({ length: 50 }, leave));
    });
    expect([failed, wrong]).toEqual([0, []]);
    expect(answered).toBeGreaterThan(100);
    let metrics = '';
    while (!/^queue_depth_dies\{.*\} 0$/m.test(metrics) || !/^open_connections [12]$/m.test(metrics))
      metrics = (await send(`${url}/metrics`)).body;
    const cancelled = /^model_requests_total\{.*status="cancelled".*\} (\d+)$/m.exec(metrics)?.[1];
    expect(Number(cancelled)).toBeGreaterThan(100);
    expect(log.lines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  });
});

/** How many workers have been lost. */
function lost({ log }: StartedApp): number {
  return log.lines.filter(({ msg }) => msg === 'worker lost').length;
}

/** Sends a signal; whether the process was there. */
function kill(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
