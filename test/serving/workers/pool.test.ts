import { rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { GraphInfo } from '../../../src/models/manifest/graph.js';
import type { BatchOutcome } from '../../../src/serving/runner.js';
import { logModel, slowModel, sumModel, throwingModel } from '../../support/models.js';
import {
  childrenThatRun,
  isAlive,
  loseWorker,
  makePool,
  pretend,
  readyWorker,
  specOf,
  startPool,
} from '../../support/pool.js';

const anyGraph = (): void => {};
const batch = (params: readonly number[], dies = 1, version = 'm/1') => ({
  version,
  dies,
  params: Float32Array.from(params),
  explain: false,
});
const scoresOf = (outcome: BatchOutcome) =>
  outcome.kind === 'scored' ? Array.from(outcome.scores) : outcome;

describe('opening a version on the workers', () => {
  it('says what the graph holds, warms up every batch size, and then takes batches', async () => {
    const pool = await startPool({ workers: 2 });
    expect([pool.ready, pool.idle]).toEqual([2, 2]);
    const spec = await specOf(sumModel(3), 3, { contributionsName: 'contributions' });
    const { graph, report } = await pool.open(spec, anyGraph);
    expect(graph.inputs).toEqual([{ name: 'test_params', type: 'float32', shape: ['N', 3] }]);
    expect(graph.outputs.map(({ name }) => name)).toEqual(['anomaly_score', 'contributions']);
    expect(report).toMatchObject({ policy: { kind: 'any' } });
    expect(report.costs.map(([dies]) => dies)).toEqual([1, 4, 16]);
    expect([pool.ready, pool.idle]).toEqual([2, 2]);
    expect(scoresOf(await pool.run(batch([1, -2, 3, 4, 5, 6], 2)))).toEqual([6, 15]);
  });

  it('lets the graph be checked before anything runs, and takes no batch of what was rejected', async () => {
    const pool = await startPool();
    const spec = await specOf(sumModel(3), 3);
    const seen: GraphInfo[] = [];
    const check = (graph: GraphInfo) => {
      seen.push(graph);
      throw new Error('not this graph');
    };
    await expect(pool.open(spec, check)).rejects.toThrow('not this graph');
    expect(seen).toHaveLength(1);
    const batch = {
      version: spec.key,
      dies: 1,
      params: new Float32Array(spec.parameterCount),
      explain: false,
    };
    expect(await pool.run(batch)).toMatchObject({ kind: 'threw' });
  });

  it('two versions opened at once do not mix up what they are tried with', async () => {
    const pool = await startPool();
    const first = await specOf(logModel(3), 3, { key: 'a/1', probes: Float32Array.of(1, 2, 3) });
    const second = await specOf(sumModel(3), 3, { key: 'b/1', probes: Float32Array.of(-1, -2, -3) });
    const [{ report }] = await Promise.all([pool.open(first, anyGraph), pool.open(second, anyGraph)]);
    expect(report.scores[0]).toBeCloseTo(Math.log(6));
  });

  it('gives contributions only where they are asked for', async () => {
    const pool = await startPool();
    await pool.open(await specOf(sumModel(2), 2, { contributionsName: 'contributions' }), anyGraph);
    const explained = await pool.run({ ...batch([3, -4]), explain: true });
    const plain = await pool.run(batch([3, -4]));
    expect(explained).toMatchObject({ kind: 'scored', contributions: Float32Array.of(3, 4) });
    expect(plain).toMatchObject({ kind: 'scored', contributions: undefined });
  });

  it('a model that throws leaves its worker alive, and says in whose words', async () => {
    const pool = await startPool();
    await pool.open(await specOf(throwingModel(2), 2), anyGraph);
    const before = pool.pids;
    const outcome = await pool.run(batch([1, 10]));
    expect(outcome).toMatchObject({ kind: 'threw', message: expect.stringContaining('out of data bounds') });
    expect(scoresOf(await pool.run(batch([1, 2])))).toEqual([3]);
    expect(pool.pids).toEqual(before);
  });
});

describe('the buffer of a batch', () => {
  it('may be overwritten as soon as run() has returned, even while the worker does not read', async () => {
    const pool = await startPool();
    const width = 4096;
    await pool.open(await specOf(sumModel(width), width, { maxBatchSize: 64 }), anyGraph);
    const [pid = 0] = pool.pids;
    // The worker stands still: a megabyte is more than its socket holds, so most of it waits here.
    process.kill(pid, 'SIGSTOP');
    const params = new Float32Array(64 * width).fill(2);
    const running = pool.run({ version: 'm/1', dies: 64, params, explain: false });
    params.fill(Number.NaN);
    process.kill(pid, 'SIGCONT');
    expect(scoresOf(await running)).toEqual(Array(64).fill(2 * width));
  });

  it('is not mixed up with a message that is sent behind it, such as the opening of another version', async () => {
    const pool = await startPool();
    const width = 4096;
    await pool.open(await specOf(sumModel(width), width, { maxBatchSize: 64 }), anyGraph);
    const [pid = 0] = pool.pids;
    // Its probe is most of a megabyte too: it would reach into what the socket has not taken yet.
    const wide = 200_000;
    const probes = new Float32Array(wide).fill(1);
    const spec = await specOf(sumModel(wide), wide, { key: 'm/2', maxBatchSize: 1, probes });
    process.kill(pid, 'SIGSTOP');
    const params = new Float32Array(64 * width).fill(2);
    const running = pool.run({ version: 'm/1', dies: 64, params, explain: false });
    const opening = pool.open(spec, anyGraph);
    process.kill(pid, 'SIGCONT');
    expect(scoresOf(await running)).toEqual(Array(64).fill(2 * width));
    await opening;
  });
});

describe('a worker that is lost', () => {
  it('in the middle of a run: the batch is reported lost, the worker replaced with all versions open', async () => {
    const pool = await startPool();
    await pool.open(await specOf(slowModel(256, 200), 256, { key: 'slow/1', maxBatchSize: 4 }), anyGraph);
    await pool.open(await specOf(sumModel(2), 2), anyGraph);
    const [pid = 0] = pool.pids;
    const outcome = await loseWorker(pool, () => pool.run(batch(Array(256).fill(1), 1, 'slow/1')));
    expect(outcome).toEqual({ kind: 'lost', message: 'signal SIGKILL' });
    expect(pool.ready).toBe(0);
    await readyWorker(pool);
    expect(pool.pids).not.toContain(pid);
    expect(scoresOf(await pool.run(batch([1, 2])))).toEqual([3]);
    expect(scoresOf(await pool.run(batch(Array(256).fill(1), 1, 'slow/1')))).toEqual([256]);
  });

  it.each([
    ['has gone', (file: string) => rm(file)],
    ['holds another model by now', (file: string) => writeFile(file, logModel(3))],
    ['is damaged', (file: string) => writeFile(file, 'no model')],
  ])('and whose model file %s: the replacement scores as it did', async (_, happen) => {
    const failed: string[] = [];
    const pool = await startPool({ observers: [{ reopenFailed: (key) => failed.push(key) }] });
    const spec = await specOf(sumModel(3), 3);
    await pool.open(spec, anyGraph);
    await happen(spec.modelFile);
    await loseWorker(pool, () => pool.run(batch([1, 2, 3])));
    await readyWorker(pool);
    expect(scoresOf(await pool.run(batch([1, 2, 3])))).toEqual([6]);
    expect(failed).toEqual([]);
  });

  it('and cannot open one version again: that version throws, the others are well', async () => {
    const failed: string[] = [];
    const observers = [{ reopenFailed: (key: string) => failed.push(key) }];
    const pool = await startPool({ entry: pretend('opens-once'), observers });
    await pool.open(await specOf(sumModel(2), 2, { key: 'gone/1' }), anyGraph);
    await pool.open(await specOf(sumModel(2), 2, { key: 'well/1' }), anyGraph);
    await loseWorker(pool, () => pool.run(batch([1, 2], 1, 'well/1')));
    await readyWorker(pool);
    expect(failed).toEqual(['gone/1']);
    expect(await pool.run(batch([1, 2], 1, 'gone/1'))).toMatchObject({ kind: 'threw' });
    expect(scoresOf(await pool.run(batch([1, 2], 1, 'well/1')))).toEqual([0]);
  });

  it('is replaced even if an observer of the pool throws', async () => {
    const errors: unknown[] = [];
    const broken = () => {
      throw new Error('no disk');
    };
    const pool = await startPool({
      observers: [{ workerStarted: broken, workerLost: broken }],
      onObserverError: (error) => errors.push(error),
    });
    await pool.open(await specOf(sumModel(2), 2), anyGraph);
    await loseWorker(pool, () => pool.run(batch([1, 2])));
    await readyWorker(pool);
    expect(errors).toHaveLength(3);
  });
});

describe('starting and closing the pool', () => {
  it('a worker that dies at start stops the start with a fault, and no process stays behind', async () => {
    const pool = makePool({ workers: 2, entry: pretend('dies-at-start') });
    const starting = expect(pool.start()).rejects.toMatchObject({
      code: 'worker_failed',
      problems: ['a worker process did not start: exit code 3'],
    });
    const children = childrenThatRun('dies-at-start');
    await starting;
    await pool.close();
    expect(pool.pids).toEqual([]);
    expect(children).toHaveLength(2);
    expect(children.map(isAlive)).toEqual([false, false]);
  });

  it('close() resolves when every process is gone', async () => {
    const pool = await startPool({ workers: 2 });
    await pool.open(await specOf(sumModel(2), 2), anyGraph);
    const { pids } = pool;
    expect(pids.map(isAlive)).toEqual([true, true]);
    await pool.close();
    expect(pids.map(isAlive)).toEqual([false, false]);
  });

  it('close() waits for a worker that was killed, and starts no replacement', async () => {
    const pool = await startPool();
    await pool.open(await specOf(sumModel(2), 2), anyGraph);
    const [pid = 0] = pool.pids;
    pool.kill();
    await pool.close();
    expect([isAlive(pid), pool.pids]).toEqual([false, []]);
  });

  it('close() during the replacement of a worker leaves no process either', async () => {
    const pool = await startPool();
    await pool.open(await specOf(sumModel(2), 2), anyGraph);
    const started = new Promise<number>((resolve) => {
      const look = () => {
        const [pid] = pool.pids;
        if (pid === undefined || pid === first) setImmediate(look);
        else resolve(pid);
      };
      const [first] = pool.pids;
      if (first !== undefined) process.kill(first, 'SIGKILL');
      look();
    });
    const replacement = await started;
    await pool.close();
    expect(isAlive(replacement)).toBe(false);
  });
});
