import { hash32 } from '../random.js';
import type { DieTable } from '../table/die-table.js';

/** Row numbers of the table, by what they serve for; no die serves twice. */
export interface DieSplit {
  /** What stays together: whole lots are the honest test for an unseen lot, wafers for a wafer. */
  readonly by: 'lot' | 'wafer' | 'die';
  readonly fit: readonly number[];
  readonly calibration: readonly number[];
  readonly heldOut: readonly number[];
}

/** Shares of lots (or wafers, or dies) that go to fitting and calibration; the rest is held out. */
const FIT_SHARE = 0.6;
const CALIBRATION_SHARE = 0.2;

/** Fewer lots or wafers than this cannot be shared out three ways and still show how they differ. */
const MIN_GROUPS = 10;

/** A part whose passing dies are fewer than this share of all is too lopsided to use. */
const MIN_PASSING_SHARE = 0.08;

/**
 * Shares the dies out by a hash of their lot, so that the same file is always split alike and the
 * order of its rows does not matter. With too few or too uneven lots by wafer, and without enough
 * wafers by a hash of the row, passing and failing dies each for themselves.
 */
export function splitDies(table: DieTable): DieSplit {
  const candidates = [splitByGroup('lot', table.lots), splitByGroup('wafer', table.wafers)];
  const fair = candidates.find((split) => split !== undefined && isBalanced(split, table));
  return fair ?? splitByDie(table);
}

/** The passing dies among the given rows, or the failing ones. */
export function withLabel(table: DieTable, rows: readonly number[], label: 'pass' | 'fail'): number[] {
  return rows.filter((row) => (table.passing[row] === 1) === (label === 'pass'));
}

function splitByGroup(by: 'lot' | 'wafer', groups: readonly string[] | undefined): DieSplit | undefined {
  const names = [...new Set(groups)];
  if (groups === undefined || names.length < MIN_GROUPS) return undefined;
  const parts = shareOut(names, (name) => hash32(name));
  const partOf = new Map(parts.flatMap((part, i) => part.map((name) => [name, i] as const)));
  const rows = groups.map((_, row) => row);
  const [fit = [], calibration = [], heldOut = []] = [0, 1, 2].map((part) =>
    rows.filter((row) => partOf.get(groups[row]) === part),
  );
  return { by, fit, calibration, heldOut };
}

function splitByDie(table: DieTable): DieSplit {
  const rows = Array.from({ length: table.dies }, (_, row) => row);
  const pass = shareOut(withLabel(table, rows, 'pass'), (row) => hash32(`row ${row}`));
  const fail = shareOut(withLabel(table, rows, 'fail'), (row) => hash32(`row ${row}`));
  const [fit = [], calibration = [], heldOut = []] = pass.map((part, i) =>
    [...part, ...fail[i]].sort((a, b) => a - b),
  );
  return { by: 'die', fit, calibration, heldOut };
}

/** Items in order of their hash, cut by the shares. */
function shareOut<T extends string | number>(items: readonly T[], hash: (item: T) => number): T[][] {
  const ordered = items
    .map((item) => ({ item, key: hash(item) }))
    .sort((a, b) => a.key - b.key || (a.item < b.item ? -1 : 1))
    .map(({ item }) => item);
  const calibrationFrom = Math.round(items.length * FIT_SHARE);
  const heldOutFrom = Math.round(items.length * (FIT_SHARE + CALIBRATION_SHARE));
  return [
    ordered.slice(0, calibrationFrom),
    ordered.slice(calibrationFrom, heldOutFrom),
    ordered.slice(heldOutFrom),
  ];
}

function isBalanced({ fit, calibration, heldOut }: DieSplit, table: DieTable): boolean {
  const passing = table.passing.reduce((sum, pass) => sum + pass, 0);
  return [fit, calibration, heldOut].every(
    (part) => withLabel(table, part, 'pass').length >= MIN_PASSING_SHARE * passing,
  );
}
