import { Fault } from '../../errors.js';
import { isBeyond, type PatLimits, patLimits } from '../../screens/limits.js';
import type { LotDies } from '../../training/lots/read-lots.js';
import { measuredValues } from '../../training/screen/standardise.js';

/** The limits of one test over the passing dies of a group. */
export interface TestLimitsFound {
  readonly testNumber: number;
  readonly name: string;
  readonly unit: string | undefined;
  /** The test program's own. */
  readonly lowLimit: number | undefined;
  readonly highLimit: number | undefined;
  readonly limits: PatLimits;
  /** Passing dies beyond the limits. */
  readonly beyond: number;
}

/** What has limits of its own: all lots, a lot, or a wafer. */
export interface GroupLimits {
  readonly name: string;
  /** Passing dies. */
  readonly passing: number;
  readonly tests: readonly TestLimitsFound[];
  /** Passing dies beyond the limits of at least one test. */
  readonly beyond: number;
}

/** @throws Fault `invalid_data` where there is nothing to set limits by */
export function limitsOfLots(
  { table, tests }: LotDies,
  by: 'all' | 'lot' | 'wafer',
  k: number,
): GroupLimits[] {
  const names = { all: undefined, lot: table.lots, wafer: table.wafers }[by];
  if (by !== 'all' && names === undefined)
    throw new Fault('invalid_usage', [`--by ${by}: the parts of these files say no ${by}`]);
  const groups = new Map<string, number[]>();
  for (let row = 0; row < table.dies; row++) {
    if (table.passing[row] !== 1) continue;
    const name = names?.[row] ?? 'all';
    const rows = groups.get(name);
    if (rows === undefined) groups.set(name, [row]);
    else rows.push(row);
  }
  if (groups.size === 0 || table.parameters.length === 0) {
    throw new Fault('invalid_data', [
      `found ${table.dies} dies with ${table.parameters.length} parametric tests, none of them passing: expected passing dies to set limits by`,
    ]);
  }
  return [...groups].map(([name, rows]) => limitsOfGroup(name, rows, { table, tests }, k));
}

function limitsOfGroup(
  name: string,
  rows: readonly number[],
  { table, tests }: Pick<LotDies, 'table' | 'tests'>,
  k: number,
): GroupLimits {
  const width = table.parameters.length;
  const outliers = new Set<number>();
  const found = tests.map(({ testNumber, exact: { name: testName, unit, lowLimit, highLimit } }, p) => {
    const limits = patLimits(measuredValues(table, rows, p).sort(), k);
    const beyond = rows.filter((row) => isBeyond(table.values[row * width + p], limits));
    for (const row of beyond) outliers.add(row);
    return { testNumber, name: testName, unit, lowLimit, highLimit, limits, beyond: beyond.length };
  });
  return { name, passing: rows.length, tests: found, beyond: outliers.size };
}
