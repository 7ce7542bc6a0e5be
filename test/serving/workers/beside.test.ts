import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ManifestSchema } from '../../../src/models/manifest/manifest.js';
import type { SessionSpec } from '../../../src/serving/workers/messages.js';
import type { WorkerPool, WorkerPoolOptions } from '../../../src/serving/workers/pool.js';
import { scaledModel, sumVersion, temporaryFolder } from '../../support/models.js';
import { isAlive, pretend, specOf, startPool } from '../../support/pool.js';

const PATIENCE = { timeout: 20_000, interval: 5 };

/** The process id of the worker that runs a die of the version that is served, or how its batch ended. */
async function servedBy(pool: WorkerPool): Promise<number | string | undefined> {
  await expect.poll(() => pool.idle, PATIENCE).toBeGreaterThan(0);
  const batch = { version: 'm/1', dies: 1, params: Float32Array.of(3, 4), explain: false };
  const outcome = await pool.run(batch);
  return outcome.kind === 'scored' ? outcome.scores[0] : outcome.kind;
}

const specIn = (folder: string, number: number, changes: Partial<SessionSpec> = {}) =>
  specOf(new Uint8Array(), 2, { key: `m/${number}`, modelFile: join(folder, `${number}`), ...changes });

const ready = (spec: SessionSpec) => writeFile(spec.modelFile, '');

/** A pool that serves one version, and another one that is being opened until its file is there. */
async function openingBeside(options: Partial<WorkerPoolOptions> = {}) {
  const folder = await temporaryFolder();
  const pool = await startPool({ entry: pretend('opens-when-told'), ...options });
  const [served, heavy] = [await specIn(folder, 1), await specIn(folder, 2)];
  await ready(served);
  await pool.open(served, () => {});
  pool.openBeside();
  const before = pool.pids;
  const opening = pool.open(heavy, () => {});
  return { pool, heavy, opening, before, folder };
}

describe('a version that opens while dies are served', () => {
  it.each([0, 1, 2])('stalls no die, however long it takes, with %i that stand by', async (standBys) => {
    const { pool, heavy, opening, before } = await openingBeside({ standBys });
    await expect.poll(() => pool.pidsBeside.length, PATIENCE).toBeGreaterThan(0);
    for (let die = 0; die < 50; die++) expect(await servedBy(pool)).toBe(before[0]);
    await ready(heavy);
    await opening;
    expect(pool.pids).not.toContain(before[0]);
    expect(await servedBy(pool)).toBe(pool.pids[0]);
    await expect
      .poll(() => [pool.pidsBeside.length, pool.standingBy], PATIENCE)
      .toEqual([standBys, standBys]);
  });

  it('passes from worker to worker: all have it when it is open, and no process is left over', async () => {
    const { pool, heavy, opening, before } = await openingBeside({ workers: 2 });
    await ready(heavy);
    await opening;
    expect([pool.ready, pool.pidsBeside]).toEqual([2, []]);
    // The first one has left; the second one has changed places with it before.
    await expect.poll(() => before.filter(isAlive).length, PATIENCE).toBe(1);
  });

  it('is opened all the same when the process that opens it is killed once', async () => {
    const { pool, heavy, opening, before } = await openingBeside();
    await expect.poll(() => pool.pidsBeside.length, PATIENCE).toBe(1);
    const [beside = 0] = pool.pidsBeside;
    process.kill(beside, 'SIGKILL');
    expect(await servedBy(pool)).toBe(before[0]);
    await ready(heavy);
    await opening;
    expect([...before, beside]).not.toContain(pool.pids[0]);
  });

  it('leaves a worker that is lost meanwhile to another process: dies do not wait for it to be open', async () => {
    const { pool, heavy, opening, before } = await openingBeside();
    await expect.poll(() => existsSync(`${heavy.modelFile}.opening`), PATIENCE).toBe(true);
    const [beside] = pool.pidsBeside;
    process.kill(before[0] ?? 0, 'SIGKILL');
    await expect.poll(() => pool.pids.filter((pid) => pid !== before[0]).length, PATIENCE).toBe(1);
    expect(pool.pids).not.toContain(beside);
    expect(await servedBy(pool)).toBe(pool.pids[0]);
    await ready(heavy);
    await opening;
    expect(pool.pids).toEqual([beside]);
  });

  it('keeps what the worker has counted for drift whose place is taken', async () => {
    const { pool, heavy, opening, folder, before } = await openingBeside();
    await ready(heavy);
    await opening;
    const drifting = await specIn(folder, 3, { drift: DRIFT });
    await ready(drifting);
    await pool.open(drifting, () => {});
    const [counting] = pool.pids;
    const another = await specIn(folder, 4);
    await ready(another);
    await pool.open(another, () => {});
    const countedBy = new Set<number | undefined>();
    const collect = async () => {
      await pool.collectDrift('m/3', ({ counts }) => countedBy.add(counts[0]));
      return countedBy;
    };
    await expect.poll(collect, PATIENCE).toEqual(new Set([counting, pool.pids[0]]));
    expect(before).not.toContain(counting);
  });

  it('that is no model changes nothing for the others', async () => {
    const pool = await startPool();
    await pool.open(await specOf(scaledModel(2, 1), 2, { maxBatchSize: 4 }), () => {});
    pool.openBeside();
    const { pids } = pool;
    const damaged = await specOf(Buffer.from('no model'), 2, { key: 'm/2' });
    await expect(pool.open(damaged, () => {})).rejects.toThrow();
    expect(pool.pids).toEqual(pids);
    expect(await servedBy(pool)).toBe(7);
    await expect.poll(() => pool.pidsBeside, PATIENCE).toEqual([]);
  });
});

/** Nothing is counted by it here: the fake worker counts by itself. */
const DRIFT: NonNullable<SessionSpec['drift']> = {
  counting: {
    edges: new Float32Array(),
    means: new Float32Array(),
    scales: new Float32Array(),
    scoreEdges: new Float32Array(),
    parameters: 2,
    groups: 1,
  },
  manifest: ManifestSchema.parse(sumVersion(2).manifest),
};
