import { describe, expect, it } from 'vitest';
import type { SessionSpec } from '../../../src/serving/workers/messages.js';
import type { WorkerPool, WorkerPoolOptions } from '../../../src/serving/workers/pool.js';
import { scaledModel } from '../../support/models.js';
import { isAlive, loseWorker, pretend, readyWorker, specOf, startPool } from '../../support/pool.js';

const open = async (pool: WorkerPool, number: number): Promise<SessionSpec> => {
  const spec = await specOf(scaledModel(2, number), 2, { key: `m/${number}`, maxBatchSize: 4 });
  await pool.open(spec, () => {});
  return spec;
};

/** The score of a die whose measurements are 3 and 4, or how its batch ended. */
async function score(pool: WorkerPool, number: number): Promise<number | string | undefined> {
  const outcome = await pool.run({
    version: `m/${number}`,
    dies: 1,
    params: Float32Array.of(3, 4),
    explain: false,
  });
  return outcome.kind === 'scored' ? outcome.scores[0] : outcome.kind;
}

const standingBy = (pool: WorkerPool) =>
  expect.poll(() => pool.standingBy, { timeout: 20_000, interval: 5 }).toBe(1);

/** A pool of one worker, and one that stands by with version 1 open. */
async function poolWithStandBy(options: Partial<WorkerPoolOptions> = {}) {
  const losses: { pid: number | undefined; restartInMs: number }[] = [];
  const pool = await startPool({
    standBys: 1,
    observers: [{ workerLost: (pid, _, restartInMs) => losses.push({ pid, restartInMs }) }],
    ...options,
  });
  await open(pool, 1);
  await standingBy(pool);
  return { pool, losses, workerPid: pool.pids[0], standByPid: pool.pidsBeside[0] };
}

const killed = (pid: number | undefined) => process.kill(pid ?? 0, 'SIGKILL');

describe('a worker that stands by', () => {
  it('is no capacity: not among the workers, the ready, the idle', async () => {
    const { pool, workerPid, standByPid } = await poolWithStandBy();
    expect([pool.size, pool.ready, pool.idle, pool.copies]).toEqual([1, 1, 1, 2]);
    expect(pool.pids).toEqual([workerPid]);
    expect(standByPid).not.toBe(workerPid);
  });

  it('takes the place of a worker that is lost in the turn in which that is known, and the next stands by', async () => {
    const { pool, losses, workerPid, standByPid } = await poolWithStandBy();
    const readyAtLoss: number[] = [];
    const outcome = await loseWorker(pool, async () => {
      const running = await pool.run({
        version: 'm/1',
        dies: 1,
        params: Float32Array.of(3, 4),
        explain: false,
      });
      readyAtLoss.push(pool.ready, pool.idle);
      return running;
    });
    expect(outcome).toEqual({ kind: 'lost', message: 'signal SIGKILL' });
    expect(readyAtLoss).toEqual([1, 1]);
    expect(losses).toEqual([{ pid: workerPid, restartInMs: 0 }]);
    expect(pool.pids).toEqual([standByPid]);
    expect(await score(pool, 1)).toBe(7);
    await standingBy(pool);
    expect([workerPid, standByPid]).not.toContain(pool.pidsBeside[0]);
  });

  it('has the versions opened after it, and not those closed', async () => {
    const { pool, workerPid } = await poolWithStandBy();
    await open(pool, 2);
    await pool.closeVersion('m/1');
    await standingBy(pool);
    killed(workerPid);
    await expect.poll(() => pool.pids[0] !== workerPid && pool.ready).toBe(1);
    expect([await score(pool, 1), await score(pool, 2)]).toEqual(['threw', 14]);
  });

  it('has what a key that was closed and opened anew means by now', async () => {
    const { pool, workerPid } = await poolWithStandBy();
    await pool.closeVersion('m/1');
    await pool.open(await specOf(scaledModel(2, 5), 2, { key: 'm/1', maxBatchSize: 4 }), () => {});
    await standingBy(pool);
    killed(workerPid);
    await expect.poll(() => pool.pids[0] !== workerPid && pool.ready).toBe(1);
    expect(await score(pool, 1)).toBe(35);
  });

  it('that is lost itself is told of and replaced, and costs the worker nothing', async () => {
    const { pool, losses, workerPid, standByPid } = await poolWithStandBy();
    killed(standByPid);
    expect(await score(pool, 1)).toBe(7);
    await expect.poll(() => losses).toEqual([{ pid: standByPid, restartInMs: 0 }]);
    await standingBy(pool);
    expect(pool.pids).toEqual([workerPid]);
    expect(pool.pidsBeside[0]).not.toBe(standByPid);
  });

  it('and is lost with the worker: both are started anew, as without one', async () => {
    const { pool, workerPid, standByPid } = await poolWithStandBy();
    killed(standByPid);
    killed(workerPid);
    await expect.poll(() => pool.pids[0] !== workerPid).toBe(true);
    await readyWorker(pool);
    await expect.poll(() => score(pool, 1), { timeout: 20_000 }).toBe(7);
    await standingBy(pool);
  });

  it('cannot open one version: that is told, and the others are served by it', async () => {
    const failed: string[] = [];
    const { pool, workerPid } = await poolWithStandBy({
      entry: pretend('opens-once'),
      observers: [{ reopenFailed: (key) => failed.push(key) }],
    });
    await pool.open(await specOf(scaledModel(2, 1), 2, { key: 'gone/1', maxBatchSize: 4 }), () => {});
    await standingBy(pool);
    expect(failed).toEqual(['gone/1']);
    killed(workerPid);
    await expect.poll(() => pool.pids[0] !== workerPid && pool.ready).toBe(1);
    expect(await score(pool, 1)).toBe(0);
  });

  it('is gone when close() has resolved, and after kill()', async () => {
    for (const end of ['close', 'kill'] as const) {
      const { pool, standByPid } = await poolWithStandBy();
      if (end === 'kill') pool.kill();
      await pool.close();
      expect(isAlive(standByPid ?? 0)).toBe(false);
    }
  });

  it('is not there where none is asked for', async () => {
    const pool = await startPool();
    await open(pool, 1);
    expect([pool.pidsBeside, pool.standingBy, pool.copies]).toEqual([[], 0, 1]);
  });
});
