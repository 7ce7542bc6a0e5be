import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/errors.js';
import type { ModelVersion } from '../../src/models/model-version.js';
import { readVersion } from '../../src/models/repository/read-version.js';
import { Batcher } from '../../src/serving/batching/batcher.js';
import { systemClock } from '../../src/serving/clock.js';
import { loadVersion } from '../../src/serving/load-version.js';
import type { WorkerPool } from '../../src/serving/workers/pool.js';
import { temporaryFolder } from '../support/models.js';
import { loseWorker, readyWorker, startPool } from '../support/pool.js';

/** Twice the same graph of 16 parameters, with other weights beside it. */
const FILES = fileURLToPath(new URL('../../../shared/data/onnx/external', import.meta.url));
const missing = !existsSync(FILES);
if (missing) process.stdout.write(`skipped: no models in ${FILES}\n`);

const DATA = 'model.onnx.data';
const sha256Of = async (file: string) =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');

/** A version folder with the graph and the weights of that number. */
async function folderOf(number: string, files?: Record<string, string>): Promise<string> {
  const folder = join(await temporaryFolder(), 'model', number);
  await mkdir(folder, { recursive: true });
  for (const name of ['model.onnx', DATA]) await copyFile(join(FILES, number, name), join(folder, name));
  const manifest = {
    name: 'model',
    version: number,
    task: 'classification',
    input: { name: 'input', parameters: 16 },
    outputs: { probabilities: 'output' },
    labels: ['good', 'bad'],
    passLabels: ['good'],
    sha256: await sha256Of(join(folder, 'model.onnx')),
    files: files ?? { [DATA]: await sha256Of(join(folder, DATA)) },
    lineage: { data: '', rows: 0, codeVersion: '0', created: '2026-01-01T00:00:00Z' },
  };
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  return folder;
}

const read = (folder: string, number: string, checksum = true) =>
  readVersion(folder, 'model', number, { checksum });

async function load(version: ModelVersion, pool: WorkerPool): Promise<void> {
  const batcher = new Batcher({ runner: pool, clock: systemClock, workers: 1, observers: [] });
  await loadVersion(version, { runner: pool, batcher, clock: systemClock });
}

const params = new Float32Array(16).fill(1);
const run = (pool: WorkerPool, number: string) =>
  pool.run({ version: `model/${number}`, dies: 1, params, explain: false });

async function firstOf(pool: WorkerPool, number: string): Promise<number | undefined> {
  const outcome = await run(pool, number);
  return outcome.kind === 'scored' ? outcome.scores[0] : undefined;
}

async function problemsOf(loading: Promise<unknown>): Promise<readonly string[]> {
  const error: unknown = await loading.catch((caught: unknown) => caught);
  if (error instanceof Fault) return error.problems;
  throw new Error('expected a fault', { cause: error });
}

describe.skipIf(missing)('weights beside model.onnx', () => {
  it("are those of the version's own folder, also in a worker that was replaced after the folder had gone", async () => {
    const pool = await startPool();
    for (const number of ['1', '2']) {
      const folder = await folderOf(number);
      await load(await read(folder, number), pool);
      await rm(folder, { recursive: true });
    }
    const before = [await firstOf(pool, '1'), await firstOf(pool, '2')];
    // As the same files give when ONNX Runtime itself opens them by their paths.
    expect(before[0]).toBeCloseTo(0.375602, 5);
    expect(before[1]).toBeCloseTo(0.564447, 5);
    await loseWorker(pool, () => run(pool, '1'));
    await readyWorker(pool);
    expect([await firstOf(pool, '1'), await firstOf(pool, '2')]).toEqual(before);
  });

  it('count as bytes of the version', async () => {
    const folder = await folderOf('1');
    const [graph, data] = await Promise.all(['model.onnx', DATA].map((name) => readFile(join(folder, name))));
    expect((await read(folder, '1')).modelBytes).toBe((graph?.length ?? 0) + (data?.length ?? 0));
  });

  it('that are not listed in the manifest are refused', async () => {
    const version = await read(await folderOf('1', {}), '1');
    expect(await problemsOf(load(version, await startPool()))).toEqual([
      `model model/1: model.onnx has weights in "${DATA}", which manifest.json does not list: expected its sha256 under files`,
    ]);
  });

  it('that were changed are refused, by what reads the folder and by the worker', async () => {
    const folder = await folderOf('1');
    await copyFile(join(FILES, '2', DATA), join(folder, DATA));
    const expected = [
      expect.stringMatching(/^model model\/1: model.onnx.data has sha256 \w{64}, manifest.json says \w{64}$/),
    ];
    expect(await problemsOf(read(folder, '1'))).toEqual(expected);
    expect(await problemsOf(load(await read(folder, '1', false), await startPool()))).toEqual(expected);
  });

  it('that have gone are refused', async () => {
    const folder = await folderOf('1');
    const version = await read(folder, '1');
    await rm(join(folder, DATA));
    expect(await problemsOf(load(version, await startPool()))).toEqual([
      'model model/1: model.onnx.data cannot be read: ENOENT',
    ]);
  });

  it('cannot be named outside of the folder', async () => {
    const folder = await folderOf('1', { '../2/model.onnx.data': '0'.repeat(64) });
    expect(await problemsOf(read(folder, '1'))).toEqual([
      expect.stringMatching(/expected a path below the version folder/),
    ]);
  });
});
