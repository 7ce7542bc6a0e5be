import { FLOAT32_MAX } from '../../die/die.js';
import { Fault } from '../../errors.js';
import { type Screen, scoreDies as scoreByReference } from '../screen/screen.js';
import { type DieTable, takeDies } from '../table/die-table.js';
import { THRESHOLD } from '../train.js';

/**
 * Runs a model file on measurements, float32 [dies, parameters] row-major (NaN is a missing value):
 * the score of each die, float32 [dies]. The caller's way to ONNX Runtime.
 */
export type ScoreDies = (
  modelFile: string,
  params: Float32Array,
  parameterCount: number,
) => Promise<Float32Array>;

/** Most that float32 may differ from the double-precision reference, relative to the score. */
const SCORE_TOLERANCE = 1e-4;

/** The same for residuals: of tests that others determine they are small differences of large sums. */
const RESIDUAL_TOLERANCE = 2e-3;

/** At most this many dies of the table are compared, evenly spaced over it. */
const MAX_COMPARED_DIES = 1024;

/**
 * Refuses a model file whose scores are not the reference's: on dies of the table, on a die at the
 * ends of float32 and on one without any value. Scores may differ by {@link SCORE_TOLERANCE}, of residuals by {@link RESIDUAL_TOLERANCE}, and so
 * decisions by a die that lies that close to the threshold.
 */
export async function checkGraph(
  modelFile: string,
  screen: Screen,
  table: DieTable,
  scoreDies: ScoreDies,
): Promise<void> {
  const params = diesToCompare(screen, table);
  const expected = scoreByReference(screen, params);
  const found = await scoreDies(modelFile, params, screen.parameters);
  if (found.length !== expected.length) {
    throw new Fault('invalid_model', [
      `${modelFile}: found ${found.length} scores for ${expected.length} dies, expected one for each`,
    ]);
  }
  const tolerance = screen.residual === undefined ? SCORE_TOLERANCE : RESIDUAL_TOLERANCE;
  const wrong = expected.findIndex((score, die) => !agrees(score, found[die], tolerance));
  if (wrong >= 0) {
    throw new Fault('invalid_model', [
      `${modelFile}: the graph scores die ${wrong} of the check ${found[wrong]}, expected ${expected[wrong]} within ${tolerance} of it`,
    ]);
  }
}

/** Whether a graph's score is the reference's but for float32 rounding. */
export function agrees(expected: number, found: number, tolerance = SCORE_TOLERANCE): boolean {
  const close = Math.abs(found - expected) <= tolerance * Math.max(expected, tolerance);
  const undecided = Math.abs(expected - THRESHOLD) <= tolerance;
  return close && (undecided || expected > THRESHOLD === found > THRESHOLD);
}

function diesToCompare(screen: Screen, table: DieTable): Float32Array {
  const step = Math.max(1, Math.ceil(table.dies / MAX_COMPARED_DIES));
  const rows = Array.from({ length: Math.ceil(table.dies / step) }, (_, i) => i * step);
  const extremes = [Number.NaN, 0, FLOAT32_MAX, -FLOAT32_MAX];
  const params = new Float32Array((rows.length + extremes.length) * screen.parameters);
  params.set(takeDies(table, rows));
  extremes.forEach((value, i) => {
    params.fill(value, (rows.length + i) * screen.parameters, (rows.length + i + 1) * screen.parameters);
  });
  return params;
}
