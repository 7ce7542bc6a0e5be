import { known, type Lot, type Part, type PartResults, type TestDefinition } from '../stdf/stdf.js';
import { testerTime } from './tester-time.js';
import { testNameOf } from './tests/test-identity.js';

/** What a row of a table says of a part, besides its results; by the names that `train` knows. */
export const PART_COLUMNS = {
  stdf_file: 'STRING',
  lot_id: 'STRING',
  sublot_id: 'STRING',
  wafer_id: 'STRING',
  part_id: 'STRING',
  x: 'INT32',
  y: 'INT32',
  head: 'INT32',
  site: 'INT32',
  equipment_id: 'STRING',
  started: 'STRING',
  hard_bin: 'INT32',
  soft_bin: 'INT32',
  label: 'STRING',
  part_flag: 'INT32',
  test_time_ms: 'INT32',
} as const;

export type PartColumn = keyof typeof PART_COLUMNS;
export type Cell = string | number | undefined;

/** The cells of a part; undefined where the file does not say. */
export function partCells(part: Part, lot: Lot | undefined, file: string): Record<PartColumn, Cell> {
  const mir = lot?.mir;
  return {
    stdf_file: file,
    lot_id: textOf(mir?.lotId),
    sublot_id: textOf(mir && known(mir, 'sblotId')),
    wafer_id: textOf(part.wafer?.waferId),
    part_id: textOf(part.partId),
    x: part.x,
    y: part.y,
    head: part.headNum,
    site: part.siteNum,
    equipment_id: textOf(mir?.nodeNam),
    started: mir === undefined || mir.startT === 0 ? undefined : (testerTime(mir.startT) ?? undefined),
    hard_bin: part.hardBin,
    soft_bin: part.softBin,
    label: part.verdict === 'none' ? undefined : part.verdict,
    part_flag: part.partFlg,
    test_time_ms: part.testTimeMs,
  };
}

function textOf(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed === '' ? undefined : trimmed;
}

/** A column of a table: one test of the lots. */
export interface TestColumn {
  /** Unique among the columns, at most 120 characters: number, name, and pin or position. */
  readonly name: string;
  readonly testNumber: number;
  readonly testName: string;
  readonly kind: TestDefinition['kind'];
  readonly position: number | undefined;
  readonly pin: string | undefined;
  readonly unit: string | undefined;
  readonly lowLimit: number | undefined;
  readonly highLimit: number | undefined;
}

/** The tests of several files as the columns of one table. */
export interface TestColumns {
  /** Learns the tests of a file. */
  add(lot: Pick<Lot, 'tests'>): void;
  columns(): readonly TestColumn[];
  /**
   * For the results of one file: writes those of a part to its row, NaN where there is no usable value.
   * `lot` is the part's: another lot has tests of its own.
   */
  filler(): (results: PartResults, row: Float32Array, lot?: number) => void;
}

const MAX_NAME_LENGTH = 120;

/** A test is the same in another file where number, name, unit and position or pin are. */
export function createTestColumns(): TestColumns {
  const byKey = new Map<string, number>();
  const columns: TestColumn[] = [];
  const names = new Set<string>(Object.keys(PART_COLUMNS));

  function add(test: TestDefinition): void {
    const key = keyOf(test);
    if (byKey.has(key)) return;
    byKey.set(key, columns.length);
    const unit = test.display.units.trim();
    columns.push({
      name: uniqueName(test, names),
      testNumber: test.testNum,
      testName: testNameOf(test.testTxt),
      kind: test.kind,
      position: test.position,
      pin: test.pin,
      unit: unit === '' ? undefined : unit,
      lowLimit: test.limits.lo,
      highLimit: test.limits.hi,
    });
  }

  return {
    add: ({ tests }) => tests.forEach(add),
    columns: () => columns,
    filler() {
      let columnOf: number[] = [];
      let ofLot = 0;
      return (results, row, lot = 0) => {
        if (lot !== ofLot) columnOf = [];
        ofLot = lot;
        row.fill(Number.NaN);
        for (let i = 0; i < results.length; i++) {
          const test = results.tests[i] ?? 0;
          columnOf[test] ??= byKey.get(keyOf(results.test(i))) ?? -1;
          const value = valueAt(results, i);
          if (!Number.isNaN(value)) row[columnOf[test] ?? -1] = value;
        }
      };
    },
  };
}

/** The usable value at `i`; of a functional test its verdict, 0 passed and 1 failed; else NaN. */
function valueAt(results: PartResults, i: number): number {
  if (results.isUsable(i)) return results.values[i] ?? Number.NaN;
  if (results.test(i).kind !== 'Ftr') return Number.NaN;
  const verdict = results.verdict(i);
  return verdict === 'none' ? Number.NaN : verdict === 'fail' ? 1 : 0;
}

function keyOf({ kind, testNum, testTxt, position, pin, display }: TestDefinition): string {
  return JSON.stringify([kind, testNum, testNameOf(testTxt), position, pin, display.units.trim()]);
}

function uniqueName({ testNum, testTxt, position, pin }: TestDefinition, taken: Set<string>): string {
  const place = pin ?? (position === undefined ? '' : `[${position}]`);
  const name = testNameOf(`${testNum} ${testTxt} ${place}`).slice(0, MAX_NAME_LENGTH - 8);
  let unique = name;
  for (let copy = 2; taken.has(unique); copy++) unique = `${name} #${copy}`;
  taken.add(unique);
  return unique;
}
