import { known, type Lot, type Part, type TestDefinition } from '../stdf/stdf.js';
import { testerTime } from './tester-time.js';
import { AS_WRITTEN, identityOfTest, testNameOf, testTitle } from './tests/test-identity.js';

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

type PartColumn = keyof typeof PART_COLUMNS;
export type Cell = string | number | undefined;

/** The cells of a lot's parts, in the order of {@link PART_COLUMNS}; undefined where the file does not say. */
export function partCellsOf(lot: Lot, file: string): (part: Part) => readonly Cell[] {
  // What the lot says is the same for all of its parts, and is made once.
  let mir: Lot['mir'];
  let ofLot = lotCells(mir);
  return (part) => {
    if (lot.mir !== mir) {
      mir = lot.mir;
      ofLot = lotCells(mir);
    }
    const cells: Record<PartColumn, Cell> = {
      stdf_file: file,
      lot_id: ofLot.lotId,
      sublot_id: ofLot.sublotId,
      wafer_id: textOf(part.wafer?.waferId),
      part_id: textOf(part.partId),
      x: part.x,
      y: part.y,
      head: part.headNum,
      site: part.siteNum,
      equipment_id: ofLot.equipmentId,
      started: ofLot.started,
      hard_bin: part.hardBin,
      soft_bin: part.softBin,
      label: part.verdict === 'none' ? undefined : part.verdict,
      part_flag: part.partFlg,
      test_time_ms: part.testTimeMs,
    };
    return Object.values(cells);
  };
}

function lotCells(mir: Lot['mir']) {
  return {
    lotId: textOf(mir?.lotId),
    sublotId: textOf(mir && known(mir, 'sblotId')),
    equipmentId: textOf(mir?.nodeNam),
    started: mir === undefined || mir.startT === 0 ? undefined : (testerTime(mir.startT) ?? undefined),
  };
}

function textOf(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed === '' ? undefined : trimmed;
}

/** A column of a table: one test of the lots. */
export interface TestColumn {
  /** Unique among the columns, at most 128 characters: number, name, and pin or position. */
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

/** The tests of several lots as the columns of one table. */
export interface TestColumns {
  /** Learns the tests of a lot. */
  add(lot: Pick<Lot, 'tests'>): void;
  columns(): readonly TestColumn[];
  /** The column of a test; -1 for one that was not learnt. */
  columnOf(test: TestDefinition): number;
}

/** Longest name of a parameter in a manifest. */
const MAX_NAME_LENGTH = 128;

/** A test is the same in another lot where kind, number, name, unit and position or pin are. */
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
    columnOf: (test) => byKey.get(keyOf(test)) ?? -1,
  };
}

/** The columns of a table that is written while its lots are read. */
interface GrowingColumns {
  /** Begins a lot, and gives the columns of its tests by their index; undefined until {@link place}. */
  begin(lot: Pick<Lot, 'tests'>): (number | undefined)[];
  /** The column of a test, a new one where it is like none before. */
  place(test: TestDefinition): number;
  /** Columns so far. */
  count(): number;
  /**
   * After the last lot: the columns as they are now that all is known, and for each the one in which its values
   * stand, -1 for none. Undefined where names or units that came late make one column of two, or two of one.
   */
  settle(): { readonly columns: readonly TestColumn[]; readonly from: Int32Array } | undefined;
}

export function createGrowingColumns(): GrowingColumns {
  const byKey = new Map<string, number>();
  const lots: { readonly lot: Pick<Lot, 'tests'>; readonly columnOf: (number | undefined)[] }[] = [];
  return {
    begin(lot) {
      const columnOf: (number | undefined)[] = [];
      lots.push({ lot, columnOf });
      return columnOf;
    },
    place(test) {
      const key = keyOf(test);
      const column = byKey.get(key) ?? byKey.size;
      byKey.set(key, column);
      return column;
    },
    count: () => byKey.size,
    settle() {
      const settled = createTestColumns();
      for (const { lot } of lots) settled.add(lot);
      const columns = settled.columns();
      const from = new Int32Array(columns.length).fill(-1);
      const to = new Int32Array(byKey.size).fill(-1);
      for (const { lot, columnOf } of lots) {
        for (const test of lot.tests) {
          const written = columnOf[test.index];
          if (written === undefined) continue;
          const column = settled.columnOf(test);
          const [other, another] = [from[column] ?? -1, to[written] ?? -1];
          if ((other >= 0 && other !== written) || (another >= 0 && another !== column)) return undefined;
          from[column] = written;
          to[written] = column;
        }
      }
      return { columns, from };
    },
  };
}

function keyOf({ kind, testNum, testTxt, position, pin, display }: TestDefinition): string {
  return JSON.stringify([kind, testNum, testNameOf(testTxt), position, pin, display.units.trim()]);
}

/** As `train` calls the parameter that reads it. */
function uniqueName(test: TestDefinition, taken: Set<string>): string {
  const identity = identityOfTest(test, AS_WRITTEN);
  const kind = identity.functional ? ' (functional)' : '';
  const name = `${testTitle(identity)}${kind}`.slice(0, MAX_NAME_LENGTH);
  let unique = name;
  for (let copy = 2; taken.has(unique); copy++) unique = `${name.slice(0, MAX_NAME_LENGTH - 8)} #${copy}`;
  taken.add(unique);
  return unique;
}
