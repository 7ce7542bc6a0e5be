import { describe, expect, it } from 'vitest';
import type { BatchPolicy } from '../../../src/models/batch-policy.js';
import { findPolicy } from '../../../src/serving/workers/find-policy.js';
import { PolicyRunner, type RunRows } from '../../../src/serving/workers/run-rows.js';
import { probesOf } from '../../support/pool.js';

/** A graph of two parameters whose score is `score` of a row, its place and its batch; notes the rows of each run. */
function graphOf(
  score: (row: readonly number[], place: number, batch: number[][]) => number,
  msOf = (rows: number) => rows,
) {
  const runs: number[][][] = [];
  const run: RunRows = async (dies, params, explain) => {
    const rows = Array.from({ length: dies }, (_, i) => [...params.subarray(i * 2, i * 2 + 2)]);
    runs.push(rows);
    const contributions = explain ? params.slice(0, dies * 2) : undefined;
    return {
      scores: Float32Array.from(rows, (row, i) => score(row, i, rows)),
      contributions,
      runMs: msOf(dies),
    };
  };
  return { run, runs };
}

const sum = ([a = 0, b = 0]: readonly number[]) => a + b;

const search = (run: RunRows) => ({
  run,
  probes: probesOf(2),
  parameterCount: 2,
  outputs: [{ name: 'score', size: 1 }],
  contributionsName: undefined,
  maxBatchSize: 64,
  fixedBatch: undefined,
});

describe('dies that are run by a policy', () => {
  const dies = Float32Array.of(1, 2, 3, 4, 5, 6);
  it.each<[BatchPolicy, number[][][]]>([
    [
      { kind: 'any' },
      [
        [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
      ],
    ],
    [
      { kind: 'padded', rows: 2 },
      [
        [
          [1, 2],
          [3, 4],
        ],
        [
          [5, 6],
          [5, 6],
        ],
      ],
    ],
    [
      { kind: 'padded', rows: 4 },
      [
        [
          [1, 2],
          [3, 4],
          [5, 6],
          [5, 6],
        ],
      ],
    ],
    [{ kind: 'single', rows: 1 }, [[[1, 2]], [[3, 4]], [[5, 6]]]],
    [
      { kind: 'single', rows: 2 },
      [
        [
          [1, 2],
          [1, 2],
        ],
        [
          [3, 4],
          [3, 4],
        ],
        [
          [5, 6],
          [5, 6],
        ],
      ],
    ],
  ])('%o: are in these runs, and answered in their order', async (policy, expected) => {
    const { run, runs } = graphOf(sum);
    const result = await new PolicyRunner(run, policy, 2).run(3, dies, true);
    expect(runs).toEqual(expected);
    expect([...result.scores]).toEqual([3, 7, 11]);
    expect([...(result.contributions ?? [])]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(result.runMs).toBe(expected.reduce((ms, rows) => ms + rows.length, 0));
  });
});

describe('the policy of a graph', () => {
  it('is any where a row has the same bits wherever it is', async () => {
    const { run } = graphOf(sum);
    expect(await findPolicy(search(run))).toMatchObject({ policy: { kind: 'any' }, dependence: undefined });
  });

  it.each([
    ['the same whatever its size', () => 1],
    ['as much for each row as for the first', undefined],
  ])('is padded to 16 rows where the size of a batch rounds, be the cost of a run %s', async (_, cost) => {
    const { run } = graphOf((row, _place, batch) => sum(row) * (batch.length > 1 ? 1 + 1e-6 : 1), cost);
    const found = await findPolicy(search(run));
    expect(found).toMatchObject({
      policy: { kind: 'padded', rows: 16 },
      dependence: { kind: 'rounding', output: 'score' },
    });
    expect(found.dependence).toMatchObject({ difference: expect.closeTo(1e-6, 7) });
  });

  it('is one at a time where a row rounds by its place, which padding cannot mend', async () => {
    const { run } = graphOf((row, place) => sum(row) * (1 + (place % 4) * 1e-6));
    expect(await findPolicy(search(run))).toMatchObject({
      policy: { kind: 'single', rows: 1 },
      dependence: { kind: 'rounding' },
    });
  });

  it('is one at a time where rows mix, with the size of the difference', async () => {
    const { run } = graphOf((row, _, batch) => sum(row) / Math.max(...batch.flat().map(Math.abs)));
    const { policy, dependence } = await findPolicy(search(run));
    expect(policy).toEqual({ kind: 'single', rows: 1 });
    expect(dependence).toMatchObject({ kind: 'rows_mix', output: 'score' });
  });

  it('is that of a fixed batch: filled with dies, or with one die where they mix', async () => {
    const fixed = (run: RunRows) => findPolicy({ ...search(run), fixedBatch: 8 });
    expect(await fixed(graphOf(sum).run)).toMatchObject({
      policy: { kind: 'padded', rows: 8 },
      dependence: { kind: 'fixed_batch' },
    });
    const mixing = graphOf(
      (row, _, batch) => sum(row) + batch.reduce((total, other) => total + sum(other), 0),
    );
    expect(await fixed(mixing.run)).toMatchObject({ policy: { kind: 'single', rows: 8 } });
  });

  it('is any where no batch has more than one die', async () => {
    const { run } = graphOf((row, _, batch) => sum(row) * batch.length);
    const found = await findPolicy({ ...search(run), maxBatchSize: 1 });
    expect(found).toMatchObject({ policy: { kind: 'any' }, dependence: undefined });
  });

  it('is what the manifest asks for, if it holds', async () => {
    const asked = (run: RunRows, rowsPerRun: number) => findPolicy({ ...search(run), rowsPerRun });
    expect(await asked(graphOf(sum).run, 16)).toMatchObject({ policy: { kind: 'padded', rows: 16 } });
    const byPlace = graphOf((row, place) => sum(row) * (1 + place * 1e-6));
    expect(await asked(byPlace.run, 1)).toMatchObject({ policy: { kind: 'single', rows: 1 } });
    await expect(asked(byPlace.run, 16)).rejects.toThrow(/^batching.rowsPerRun is 16, but output "score"/);
  });

  it('is none where the same row is given two answers', async () => {
    let drawn = 0;
    const { run } = graphOf((row) => sum(row) + drawn++);
    await expect(findPolicy(search(run))).rejects.toThrow(/draws random numbers/);
  });
});
