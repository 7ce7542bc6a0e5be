import type { MapDie } from './wafer-map.js';

/** What a die is on a map: the model's decision beside the tester's. */
export type DieStatus = 'unscored' | 'pass' | 'unscored_fail' | 'fail' | 'flagged' | 'missed';

/** From the least to the most interesting: where several dies share a place, the last of these is shown. */
export const DIE_STATUSES: readonly DieStatus[] = [
  'unscored',
  'pass',
  'unscored_fail',
  'fail',
  'flagged',
  'missed',
];

/** Words of a legend. */
export const STATUS_LABELS: Readonly<Record<DieStatus, string>> = {
  unscored: 'not scored',
  pass: 'pass',
  unscored_fail: 'not scored, tester: fail',
  fail: 'fail',
  flagged: 'fail, tester: pass',
  missed: 'pass, tester: fail',
};

export function statusOf({ prediction, testerVerdict }: MapDie): DieStatus {
  if (prediction === undefined) return testerVerdict === 'fail' ? 'unscored_fail' : 'unscored';
  if (prediction === 'fail') return testerVerdict === 'pass' ? 'flagged' : 'fail';
  return testerVerdict === 'fail' ? 'missed' : 'pass';
}
