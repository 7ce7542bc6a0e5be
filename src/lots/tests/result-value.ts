import type { PartResults } from '../../stdf/stdf.js';

/** TEST_FLG bits 0 to 5: alarm, invalid, unreliable, time-out, not executed, aborted. */
const NOT_RUN = 0x3f;

/**
 * The value of the result at `i` as a model may read it: of a functional test 0 where it passed and 1 where
 * it failed. NaN where there is none that may be used.
 */
export function valueAt(results: PartResults, i: number): number {
  if (results.isUsable(i)) return results.values[i] ?? Number.NaN;
  if (results.test(i).kind !== 'Ftr') return Number.NaN;
  const verdict = ((results.flags[i] ?? 0) & NOT_RUN) === 0 ? results.verdict(i) : 'none';
  return verdict === 'none' ? Number.NaN : Number(verdict === 'fail');
}
