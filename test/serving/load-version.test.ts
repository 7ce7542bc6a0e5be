import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/errors.js';
import type { ModelVersion } from '../../src/models/model-version.js';
import { readRepository } from '../../src/models/repository/read-repository.js';
import { readVersion } from '../../src/models/repository/read-version.js';
import { Batcher } from '../../src/serving/batching/batcher.js';
import { systemClock } from '../../src/serving/clock.js';
import { loadVersion } from '../../src/serving/load-version.js';
import { logModel, manifestOf, sumVersion, type TestVersion, writeRepository } from '../support/models.js';
import { startPool } from '../support/pool.js';

async function readOne(version: TestVersion): Promise<ModelVersion> {
  const { versions } = await readRepository(await writeRepository([version]));
  const [only] = versions;
  if (only === undefined || !('key' in only.read)) throw new Error('the test repository holds no version');
  return only.read;
}

async function load(version: ModelVersion) {
  const pool = await startPool();
  const batcher = new Batcher({ runner: pool, clock: systemClock, workers: 1, observers: [] });
  const report = await loadVersion(version, { runner: pool, batcher, clock: systemClock });
  return { report, batcher };
}

/** The lines of the fault with which a load ends. */
async function problemsOf(version: ModelVersion): Promise<readonly string[]> {
  const error: unknown = await load(version).catch((caught: unknown) => caught);
  if (error instanceof Fault) return error.problems;
  throw new Error('the load did not end with a fault', { cause: error });
}

describe('loading a version', () => {
  it('opens it on the workers, warms it up and opens its queue', async () => {
    const { report, batcher } = await load(await readOne(sumVersion(4)));
    expect(report.batching.policy).toEqual({ kind: 'any' });
    const { scores } = await batcher.submit('sum/1', {
      dies: 2,
      params: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      lane: 'bulk',
      deadlineAtMs: Number.POSITIVE_INFINITY,
      explain: false,
    });
    expect(Array.from(scores)).toEqual([10, 26]);
  });

  it.each([
    [
      'version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 8\n',
      'is a Git LFS pointer and not the model itself',
    ],
    ['PK\x03\x04archive/data.pkl', 'is a PyTorch checkpoint (.pt)'],
    ['\x80\x04csklearn', 'is a Python pickle (.pkl, joblib)'],
    ['ir_version: 8\ngraph {\n', 'is an ONNX model as protobuf text'],
  ])('whose file is none: %j is named for what it is, not for its checksum', async (text, said) => {
    const version = await readOne(sumVersion(4));
    await writeFile(version.modelFile, text, 'latin1');
    const lines = await problemsOf(version);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.startsWith(`model sum/1: model.onnx ${said}`)).toBe(true);
    const folder = dirname(version.modelFile);
    const readAlone: unknown = await readVersion(folder, 'sum', '1').catch((caught: unknown) => caught);
    expect(readAlone).toMatchObject({ problems: lines });
  });

  it('compares its golden rows, as many as there are and in any order of batches', async () => {
    const rows = Array.from({ length: 70 }, (_, i) => [i, 1, 1, 1]);
    const scores = rows.map(([first = 0]) => first + 3);
    const { report } = await load(
      await readOne({ ...sumVersion(4), golden: { rows, scores, tolerance: 0 } }),
    );
    expect(report.loadMs).toBeGreaterThan(0);
  });

  it('a version that misses its golden rows is refused with row, expected and found, and takes no die', async () => {
    const golden = {
      rows: [
        [1, 1, 1, 1],
        [2, 2, 2, 2],
      ],
      scores: [4, 9],
    };
    const version = await readOne({ ...sumVersion(4), golden });
    expect(await problemsOf(version)).toEqual([
      'model sum/1: golden.json: row 1: expected 9 within 0.0009, found 8',
    ]);
    const pool = await startPool();
    const batcher = new Batcher({ runner: pool, clock: systemClock, workers: 1, observers: [] });
    await expect(loadVersion(version, { runner: pool, batcher, clock: systemClock })).rejects.toThrow(Fault);
    expect([...batcher.waitingDies().keys()]).toEqual([]);
    // Mended, it is loaded beside.
    const mended = await readOne({ ...sumVersion(4), golden: { ...golden, scores: [4, 8] } });
    await loadVersion(mended, { runner: pool, batcher, clock: systemClock });
  });

  it('a graph that its manifest does not describe is refused with both sides of every mismatch', async () => {
    const version = await readOne(
      sumVersion(4, {
        input: { name: 'test_params', parameters: 5 },
        outputs: { score: 'score', contributions: 'contributions' },
      }),
    );
    expect(await problemsOf(version)).toEqual([
      'model sum/1: input "test_params" has shape [N, 4] in the graph, the manifest expects [N, 5]',
      'model sum/1: the manifest names output "score", the graph has "anomaly_score", "contributions"',
      'model sum/1: output "contributions" has shape [N, 4] in the graph, the manifest expects [N, 5]',
    ]);
  });

  it('a file that is no model is refused with the reason in one line', async () => {
    const onnx = new TextEncoder().encode('this is not a model');
    const version = await readOne({ onnx, manifest: manifestOf(onnx, 4, { name: 'sum' }) });
    expect(await problemsOf(version)).toEqual([
      'model sum/1: model.onnx is no ONNX model: its bytes are no protobuf, or end early',
    ]);
  });

  it('a file that is not the one whose checksum was read is refused with both', async () => {
    const version = await readOne(sumVersion(4));
    await writeFile(version.modelFile, 'this is another file');
    expect(await problemsOf(version)).toEqual([
      expect.stringMatching(/^model sum\/1: model\.onnx has sha256 \w{64}, manifest\.json says \w{64}$/),
    ]);
  });

  it('a file that has gone is refused with the reason in one line', async () => {
    const version = await readOne(sumVersion(4));
    await rm(version.modelFile);
    expect(await problemsOf(version)).toEqual(['model sum/1: model.onnx cannot be read: ENOENT']);
  });

  it('a model whose score of its expected measurement is not a number is refused', async () => {
    const onnx = logModel(3);
    const version = await readOne({ onnx, manifest: manifestOf(onnx, 3, { name: 'log' }) });
    expect(createHash('sha256').update(onnx).digest('hex')).toBe(version.manifest.sha256);
    expect(await problemsOf(version)).toEqual([
      expect.stringMatching(
        /^model log\/1: output "anomaly_score" is -Infinity for the expected measurement, expected/,
      ),
    ]);
  });
});
