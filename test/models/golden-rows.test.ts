import { describe, expect, test } from 'vitest';
import { goldenMeasurements, goldenMisses, goldenProblems } from '../../src/models/golden-rows.js';
import { type Golden, GoldenSchema } from '../../src/models/manifest/golden.js';

const golden: Golden = {
  rows: [
    [1, 2],
    [3, null],
    [5, 6],
  ],
  scores: [3, 200, 0.5],
  tolerance: 0.01,
};
const decide = (rows: Float32Array, at: number) => {
  const anomalyScore = rows[at] ?? Number.NaN;
  return Number.isFinite(anomalyScore)
    ? { prediction: 'pass' as const, confidence: 1, anomalyScore }
    : undefined;
};
const missesOf = (...scores: number[]) => goldenMisses(golden, { decide }, Float32Array.from(scores));

describe('golden rows', () => {
  test('are measurements, null being a missing value', () => {
    expect([...goldenMeasurements(golden)]).toEqual([1, 2, 3, Number.NaN, 5, 6]);
  });

  test('hold within the tolerance: a share of the score, or of 1 where that is smaller', () => {
    expect(missesOf(3.03, 201.9, 0.509)).toEqual([]);
    expect(missesOf(3, 198.1, 0.491)).toEqual([]);
  });

  test('that are missed are told with row, expected and found', () => {
    expect(missesOf(3.04, 198, Number.NaN)).toEqual([
      expect.stringMatching(/^golden\.json: row 0: expected 3 within 0\.03, found 3\.0399/),
      'golden.json: row 2: expected 0.5 within 0.01, found no finite score',
    ]);
  });

  test('that are missed in great number are not all told', () => {
    const many = { rows: Array(9).fill([1, 2]), scores: Array(9).fill(1), tolerance: 0 };
    const misses = goldenMisses(many, { decide }, new Float32Array(9));
    expect(misses).toHaveLength(6);
    expect(misses.at(-1)).toBe('golden.json: and 4 rows more');
  });

  test('of another width, with missing values that are not accepted, or beyond float32 are named', () => {
    const contract = { parameterCount: 2, acceptsMissing: false };
    const wrong = { ...golden, rows: [[1], [3, null], [1e39, 1]] };
    expect(goldenProblems(wrong, { contract })).toEqual([
      'golden.json: rows.0: expected 2 values, found 1',
      'golden.json: rows.1.1: expected a number, as the version accepts no missing values',
      'golden.json: rows.2.0: expected a number that float32 can hold',
    ]);
    expect(goldenProblems(golden, { contract: { parameterCount: 2, acceptsMissing: true } })).toEqual([]);
  });

  test('need a score each, and a tolerance of 0.0001 if none is named', () => {
    expect(GoldenSchema.parse({ rows: [[1]], scores: [1] }).tolerance).toBe(0.0001);
    const lacking = GoldenSchema.safeParse({ rows: [[1], [2]], scores: [1] });
    expect(lacking.error?.issues.map(({ message }) => message)).toEqual([
      'expected a score for each of 2 rows, found 1',
    ]);
  });
});
