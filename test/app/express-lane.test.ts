import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { PredictionSchema } from '../../src/die/prediction.js';
import { referenceOfColumns } from '../drift/references.js';
import { numbers } from '../support/dense-model.js';
import { dieOf } from '../support/dies.js';
import { expectProblem, postBytes, RawConnection, send } from '../support/http.js';
import { parseMetrics } from '../support/metrics.js';
import { manifestOf, sumVersion, throwingModel, writeRepository } from '../support/models.js';
import { type StartedApp, startApp } from '../support/start-app.js';

const WIDTH = 8;
const random = numbers(5);
const FAULTY_SERVER = fileURLToPath(new URL('../support/express/faulty-server.mjs', import.meta.url));

/** One tester on one connection. */
class Tester {
  readonly #connection: RawConnection;

  private constructor(connection: RawConnection) {
    this.#connection = connection;
  }

  static async at(port: number): Promise<Tester> {
    const connection = await RawConnection.open(port);
    onTestFinished(() => {
      connection.socket.destroy();
    });
    return new Tester(connection);
  }

  async send(values: readonly number[], path = '/predict') {
    this.#connection.write(postBytes(path, JSON.stringify(dieOf({ test_params: values }, WIDTH))));
    return (await this.#connection.answer()) ?? expect.fail('no answer');
  }

  /** Sends a thousand dies, one after another, which is what a version needs to be trusted. */
  async prove(path?: string): Promise<void> {
    for (let die = 0; die < 1000; die++)
      await this.send([die % 7, ...Array<number>(WIDTH - 1).fill(0)], path);
  }
}

async function expressDies(app: StartedApp): Promise<number> {
  const families = parseMetrics((await send(`${app.url}/metrics`)).body);
  return (families.get('express_dies_total')?.samples ?? []).reduce((sum, { value }) => sum + value, 0);
}

const scoreIn = ({ body }: { readonly body: string }) =>
  PredictionSchema.parse(JSON.parse(body)).anomaly_score;

describe('a version that has proven itself', () => {
  test('is run in the server process for a die that is alone, with the scores of the workers bit for bit, and counted for drift', {
    timeout: 60_000,
  }, async () => {
    const column = Array.from({ length: 500 }, (_, i) => (i % 7) + random());
    const reference = referenceOfColumns(Array<number[]>(WIDTH).fill(column));
    const versions = [{ ...sumVersion(WIDTH), reference }];
    const app = await startApp({ versions, environment: { EXPRESS_DIES: '4', DRIFT_MINIMUM_DIES: '50' } });
    const plain = await startApp({ versions: [sumVersion(WIDTH)] });
    const [tester, other] = [await Tester.at(app.port), await Tester.at(plain.port)];
    await tester.prove();
    expect(await expressDies(app)).toBe(0);
    for (let die = 0; die < 50; die++) {
      const values = Array.from({ length: WIDTH }, random);
      expect(scoreIn(await tester.send(values))).toBe(scoreIn(await other.send(values)));
    }
    expect(await expressDies(app)).toBe(50);
    const drift = z.object({ dies: z.number() });
    expect(drift.parse(JSON.parse((await send(`${app.url}/models/sum/versions/1/drift`)).body)).dies).toBe(
      1050,
    );
    expect(app.log.lines).toContainEqual(
      expect.objectContaining({ msg: 'express lane', version: 'sum/1', express: 'trusted' }),
    );
  });

  test('that throws is asked again in a worker, and is not trusted then', { timeout: 60_000 }, async () => {
    const onnx = throwingModel(WIDTH);
    const app = await startApp({
      versions: [{ onnx, manifest: manifestOf(onnx, WIDTH, { name: 'throwing' }) }],
      environment: { EXPRESS_DIES: '4' },
    });
    const tester = await Tester.at(app.port);
    await tester.prove();
    const zeros = Array<number>(WIDTH - 1).fill(0);
    expect(scoreIn(await tester.send([3, ...zeros]))).toBe(3);
    expectProblem(await tester.send([99, ...zeros]), 'inference_failed');
    expect(scoreIn(await tester.send([4, ...zeros]))).toBe(4);
    expect(await expressDies(app)).toBe(1);
  });
});

/** A server of its own whose model fails in its express lane only. */
async function faultyServer() {
  const repository = await writeRepository([sumVersion(WIDTH)]);
  const child = spawn(process.execPath, [FAULTY_SERVER], {
    env: {
      PATH: process.env.PATH,
      HOST: '127.0.0.1',
      PORT: '0',
      INFERENCE_WORKERS: '1',
      MODEL_REPOSITORY: repository,
      EXPRESS_DIES: '1',
      BATCH_TIMEOUT_MS: '500',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const lines: string[] = [];
  const ended = once(child, 'close').then(() => child.signalCode);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const port = await new Promise<number>((resolve) => {
    createInterface(child.stdout).on('line', (line) => {
      lines.push(line);
      if (/^\d+$/.test(line)) resolve(Number(line));
    });
  });
  return { port, url: `http://127.0.0.1:${port}`, lines, ended, stderr: () => stderr };
}

const ZEROS = Array<number>(WIDTH - 1).fill(0);

describe('what the express lane gives up', () => {
  test('a model that stalls stalls the server process once, and is run by workers from then on', {
    timeout: 60_000,
  }, async () => {
    const { port, lines } = await faultyServer();
    const tester = await Tester.at(port);
    await tester.prove();
    expect(scoreIn(await tester.send([1001, ...ZEROS]))).toBe(1001);
    expect(lines.filter((line) => line.includes('"express":"proving"')).at(-1)).toMatch(
      /a run took 1\d\d\.\d ms/,
    );
    // In a worker, where the fault is not.
    expect(scoreIn(await tester.send([1002, ...ZEROS]))).toBe(1002);
  });

  test('a model that hangs stops the whole server, which ends by itself after BATCH_TIMEOUT_MS and says why', {
    timeout: 60_000,
  }, async () => {
    const { port, url, ended, stderr } = await faultyServer();
    const tester = await Tester.at(port);
    await tester.prove();
    expect((await send(`${url}/health`)).status).toBe(200);
    const answer = tester.send([1002, ...ZEROS]);
    // Attached at once: it fails before the process is known to have ended.
    await expect(Promise.all([ended, answer.catch(() => 'cut')])).resolves.toEqual(['SIGKILL', 'cut']);
    expect(stderr()).toContain('a model hangs in the express lane for 500 ms');
  });

  test('a model that crashes takes the server with it; started again, it has to prove itself, so the same die is a worker’s', {
    timeout: 60_000,
  }, async () => {
    const first = await faultyServer();
    const tester = await Tester.at(first.port);
    await tester.prove();
    const answer = tester.send([1003, ...ZEROS]);
    await expect(Promise.all([first.ended, answer.catch(() => 'cut')])).resolves.toEqual(['SIGSEGV', 'cut']);
    const second = await faultyServer();
    expect(scoreIn(await (await Tester.at(second.port)).send([1003, ...ZEROS]))).toBe(1003);
  });
});
