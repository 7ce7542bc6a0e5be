import { type DieStatus, STATUS_LABELS } from './status.js';
import { numberText, printable } from './text.js';
import type { MapDie } from './wafer-map.js';

/**
 * How much the tool-tips of a report say, which decides its size: everything of every die; the tests
 * only of dies that fail or disagree; or only dies that fail or disagree have one at all.
 */
export type TipDetail = 'all' | 'reasons-of-failing' | 'failing-only';

const ALL_UP_TO = 6_000;
const EVERY_DIE_UP_TO = 100_000;

/** The detail with which a report of so many dies stays small enough to be mailed and opened. */
export function tipDetailFor(dies: number): TipDetail {
  if (dies <= ALL_UP_TO) return 'all';
  return dies <= EVERY_DIE_UP_TO ? 'reasons-of-failing' : 'failing-only';
}

/** What the reader of a report is told of what its tool-tips leave out. */
export const TIP_NOTES: Readonly<Record<TipDetail, string>> = {
  all: 'Point at a die for its id, score, bin and the tests that contributed most.',
  'reasons-of-failing':
    'Point at a die for its id, score and bin; dies that fail or disagree name the tests that contributed most.',
  'failing-only':
    'Point at a die that fails or disagrees for its id, score, bin and the tests that contributed most.',
};

/** The tool-tip of a die, several lines of plain text; undefined where the detail leaves it out. */
export function tipOf(
  { dieId, x, y, score, testerVerdict, hardBin, reasons }: MapDie,
  status: DieStatus,
  threshold: number,
  detail: TipDetail,
): string | undefined {
  const ordinary = status === 'pass' || status === 'unscored';
  if (ordinary && detail === 'failing-only') return undefined;
  const bin = hardBin === undefined ? [] : [`hard bin ${hardBin}`];
  const lines = [
    printable(dieId),
    `x ${x}, y ${y}`,
    score === undefined
      ? STATUS_LABELS[status]
      : `${STATUS_LABELS[status]}: score ${numberText(score)}, threshold ${numberText(threshold)}`,
    `tester: ${[testerVerdict ?? 'no verdict', ...bin].join(', ')}`,
    ...(ordinary && detail !== 'all' ? [] : reasons.map(printable)),
  ];
  return lines.join('\n');
}
