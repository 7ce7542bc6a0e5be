import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { BatchOutcome } from '../../../src/serving/runner.js';
import type { WorkerPool } from '../../../src/serving/workers/pool.js';
import { scaledModel } from '../../support/models.js';
import { makePool, readyWorker, specOf, startPool } from '../../support/pool.js';

const versions = [1, 2].map((factor) => scaledModel(2, factor));

const specs = () =>
  Promise.all(versions.map((onnx, i) => specOf(onnx, 2, { key: `m/${i + 1}`, maxBatchSize: 4 })));

/** Runs a die of version `number` on whichever worker is free. */
const run = (pool: WorkerPool, number: number): Promise<BatchOutcome> =>
  pool.run({ version: `m/${number}`, dies: 1, params: Float32Array.of(3, 4), explain: false });

/** The score that a version gives, from every worker of a pool of that many. */
async function scores(pool: WorkerPool, number: number): Promise<(number | string | undefined)[]> {
  await allReady(pool);
  const outcomes = await Promise.all(Array.from({ length: pool.size }, () => run(pool, number)));
  return outcomes.map((outcome) => (outcome.kind === 'scored' ? outcome.scores[0] : outcome.kind));
}

function allReady(pool: WorkerPool): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (pool.idle === pool.size) resolve();
    };
    pool.onIdle(look);
    look();
  });
}

describe('versions that are opened and closed while workers come and go', () => {
  it('a worker that is killed while a version opens does not keep it from opening on all', async () => {
    const [one, two] = await specs();
    if (one === undefined || two === undefined) throw new Error('no specs');
    const pool = await startPool({ workers: 2 });
    await pool.open(one, () => {});
    const opening = pool.open(two, () => {});
    for (const pid of pool.pids.slice(0, 1)) process.kill(pid, 'SIGKILL');
    await opening;
    expect(await scores(pool, 1)).toEqual([7, 7]);
    expect(await scores(pool, 2)).toEqual([14, 14]);
  });

  it('a version that opens while every worker is being replaced is on all of them, with those before it', async () => {
    const [one, two] = await specs();
    if (one === undefined || two === undefined) throw new Error('no specs');
    const pool = await startPool({ workers: 2 });
    await pool.open(one, () => {});
    for (const pid of pool.pids) process.kill(pid, 'SIGKILL');
    await pool.open(two, () => {});
    expect(await scores(pool, 1)).toEqual([7, 7]);
    expect(await scores(pool, 2)).toEqual([14, 14]);
  });

  it('a version that was closed is not opened again by a replacement', async () => {
    const [one, two] = await specs();
    if (one === undefined || two === undefined) throw new Error('no specs');
    const pool = await startPool({ workers: 1 });
    await pool.open(one, () => {});
    await pool.open(two, () => {});
    for (const pid of pool.pids) process.kill(pid, 'SIGKILL');
    await pool.closeVersion('m/1');
    await readyWorker(pool);
    expect(await run(pool, 1)).toMatchObject({ kind: 'threw', message: 'no session is warm for m/1' });
    expect(await scores(pool, 2)).toEqual([14]);
  });

  it('a file that is replaced later does no harm: the next worker opens the bytes that were checked', async () => {
    const [one = new Uint8Array(), two = new Uint8Array()] = versions;
    const sha256 = createHash('sha256').update(one).digest('hex');
    const spec = await specOf(one, 2, { key: 'm/1', maxBatchSize: 4, sha256 });
    const pool = await startPool();
    await pool.open(spec, () => {});
    const before = await run(pool, 1);
    await writeFile(spec.modelFile, two);
    const [lost] = pool.pids;
    for (const pid of pool.pids) process.kill(pid, 'SIGKILL');
    await expect.poll(() => pool.ready === 1 && pool.pids[0] !== lost).toBe(true);
    expect(before.kind === 'scored' && before.scores).toEqual(Float32Array.of(7));
    expect(await run(pool, 1)).toMatchObject({ kind: 'scored', scores: Float32Array.of(7) });
  });

  it('a file that is another one than was checked is not opened', async () => {
    const [one = new Uint8Array(), two = new Uint8Array()] = versions;
    const sha256 = createHash('sha256').update(one).digest('hex');
    const spec = await specOf(two, 2, { key: 'm/1', maxBatchSize: 4, sha256 });
    const pool = await startPool();
    await expect(pool.open(spec, () => {})).rejects.toThrow(
      /model\.onnx has sha256 \w{64}, manifest\.json says /,
    );
  });

  it('closing the pool ends a version that is being opened', async () => {
    const [one] = await specs();
    if (one === undefined) throw new Error('no specs');
    const pool = makePool({ workers: 2 });
    await pool.start();
    const opening = expect(pool.open(one, () => {})).rejects.toThrow();
    await Promise.all([pool.close(), opening]);
    expect(pool.ready).toBe(0);
  });
});
