import type { Golden } from './manifest/golden.js';
import type { ModelVersion } from './model-version.js';

/** Rows that differ are told one by one, up to so many. */
const MAX_LISTED = 5;

/** The measurements of a golden file: float32 [rows, parameters] row-major; NaN is a missing value. */
export function goldenMeasurements({ rows }: Golden): Float32Array {
  return Float32Array.from(rows.flat(), (value) => value ?? Number.NaN);
}

/** One line for each reason why a golden file cannot be about this version. */
export function goldenProblems(golden: Golden, { contract }: Pick<ModelVersion, 'contract'>): string[] {
  return golden.rows.flatMap((row, i) => {
    const problems: string[] = [];
    if (row.length !== contract.parameterCount)
      problems.push(
        `golden.json: rows.${i}: expected ${contract.parameterCount} values, found ${row.length}`,
      );
    const missing = row.indexOf(null);
    if (missing >= 0 && !contract.acceptsMissing)
      problems.push(
        `golden.json: rows.${i}.${missing}: expected a number, as the version accepts no missing values`,
      );
    const beyond = row.findIndex((value) => value !== null && !Number.isFinite(Math.fround(value)));
    if (beyond >= 0)
      problems.push(`golden.json: rows.${i}.${beyond}: expected a number that float32 can hold`);
    return problems;
  });
}

/**
 * How the version's scores of the golden rows differ from what the file expects, one line for each row.
 * @param outputs float32 [rows, outputs] row-major: the fetched outputs of each row
 */
export function goldenMisses(
  { rows, scores, tolerance }: Golden,
  { decide }: Pick<ModelVersion, 'decide'>,
  outputs: Float32Array,
): string[] {
  const width = outputs.length / rows.length;
  const misses = scores.flatMap((expected, row) => {
    const found = decide(outputs, row * width)?.anomalyScore;
    const allowed = Number((tolerance * Math.max(1, Math.abs(expected))).toPrecision(6));
    if (found !== undefined && Math.abs(found - expected) <= allowed) return [];
    const score = found ?? 'no finite score';
    return [`golden.json: row ${row}: expected ${expected} within ${allowed}, found ${score}`];
  });
  const more = misses.length - MAX_LISTED;
  return more > 0 ? [...misses.slice(0, MAX_LISTED), `golden.json: and ${more} rows more`] : misses;
}
