import { patLimits } from '../../screens/limits.js';
import type { DieTable } from '../table/die-table.js';
import { LIMIT_MARGIN } from './control-limit.js';
import type { NormalModel } from './fit.js';
import type { Screen } from './screen.js';
import { measuredValues } from './standardise.js';

/** Limits are so many robust sigma from the robust mean, as AEC-Q001 has them. */
export const LIMIT_SIGMAS = 6;

/**
 * The screen by part average limits of good dies (row numbers in the table): a die whose value is beyond a limit scores above 1. A
 * residual is the distance from the middle of the limits, of which {@link LIMIT_SIGMAS} are the limit. Parameters without
 * limits are not judged.
 * @param process the screen whose other constants are kept
 */
export function limitsScreen(
  process: Screen,
  { standardisation }: NormalModel,
  table: DieTable,
  rows: readonly number[],
): Screen {
  const centre = new Float32Array(standardisation.centre.length);
  const scale = new Float32Array(centre.length);
  standardisation.use.forEach((use, p) => {
    if (use !== 'used') {
      [centre[p], scale[p]] = [standardisation.centre[p], standardisation.scale[p]];
      return;
    }
    const { low, high, median } = patLimits(measuredValues(table, rows, p).sort(), LIMIT_SIGMAS);
    centre[p] = low === undefined || high === undefined ? median : (low + high) / 2;
    if (low === undefined || high === undefined || !(high > low)) return;
    // A value at its limit is no outlier, however float32 rounds.
    const half = ((high - low) / 2) * (1 + LIMIT_MARGIN);
    scale[p] = LIMIT_SIGMAS / half;
  });
  return {
    ...process,
    kind: 'limits',
    standardisation: { ...standardisation, centre, scale },
    residual: { weights: undefined, weight: Math.fround(1 / (LIMIT_SIGMAS * LIMIT_SIGMAS)) },
  };
}
