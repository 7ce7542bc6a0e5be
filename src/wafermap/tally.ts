import { type DieStatus, statusOf } from './status.js';
import type { MapDie } from './wafer-map.js';

/** What a map counts. Shares are undefined where there is nothing to share. */
export interface MapTally {
  readonly dies: number;
  readonly scored: number;
  readonly byStatus: Readonly<Record<DieStatus, number>>;
  /** Dies that the tester passed, of those that it judged. */
  readonly testerYield: number | undefined;
  /** Dies that the model passed, of those that it scored. */
  readonly modelYield: number | undefined;
  /** Scored dies that the tester failed, and those of them that the model failed too. */
  readonly testerFailed: number;
  readonly caught: number;
  /** Scored dies that the tester passed, and those of them that the model failed. */
  readonly testerPassed: number;
  readonly flagged: number;
}

export function tallyOf(dies: readonly MapDie[]): MapTally {
  const byStatus = { unscored: 0, pass: 0, unscored_fail: 0, fail: 0, flagged: 0, missed: 0 };
  let [judged, good, caught, testerPassed] = [0, 0, 0, 0];
  for (const die of dies) {
    byStatus[statusOf(die)]++;
    if (die.testerVerdict !== undefined) judged++;
    if (die.testerVerdict === 'pass') good++;
    if (die.testerVerdict === 'pass' && die.prediction !== undefined) testerPassed++;
    if (die.testerVerdict === 'fail' && die.prediction === 'fail') caught++;
  }
  const scored = dies.length - byStatus.unscored - byStatus.unscored_fail;
  return {
    dies: dies.length,
    scored,
    byStatus,
    testerYield: shareOf(good, judged),
    modelYield: shareOf(byStatus.pass + byStatus.missed, scored),
    testerFailed: caught + byStatus.missed,
    caught,
    testerPassed,
    flagged: byStatus.flagged,
  };
}

function shareOf(part: number, whole: number): number | undefined {
  return whole === 0 ? undefined : part / whole;
}
