import { rename, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  createGrowingColumns,
  createTestColumns,
  PART_COLUMNS,
  partCellsOf,
  type TestColumns,
} from '../../lots/part-columns.js';
import { valueAt } from '../../lots/tests/result-value.js';
import { assembleParts, describeReport, type Lot, type Part, type TestDefinition } from '../../stdf/stdf.js';
import { lotBytes, namingFile } from '../lot-file.js';
import { type LotInput, readAgain, readOnce } from './lot-inputs.js';
import { openParquetOfParts } from './parquet-of-parts.js';
import { RESULT_SHAPE, resultCells } from './result-cells.js';
import { openCsv, openParquet, type TableShape } from './table-writer.js';

interface WriteTableOptions {
  readonly files: readonly string[];
  readonly long: boolean;
  readonly out: string;
  readonly format: 'csv' | 'parquet';
  readonly onProgress: (text: string) => void;
}

interface WrittenTable {
  readonly rows: number;
  /** Columns of tests; 0 of a long table. */
  readonly tests: number;
  /** What was damaged, in words. */
  readonly damage: readonly string[];
}

const PART_SHAPE = Object.entries(PART_COLUMNS).map(([name, type]) => ({ name, type }));

/**
 * Writes the parts of lot files, all touchdowns in the order of the files, one a row; or their results. What is
 * there under the name is replaced once all has been written. A CSV begins with its columns, which are the
 * tests of all files, so for one of parts the files are read twice; a Parquet file of parts may have to.
 * @throws Fault `invalid_data` when a file is not STDF V4
 */
export async function writeTable(options: WriteTableOptions): Promise<WrittenTable> {
  const { files, out, long } = options;
  const partial = `${out}.partial`;
  const { inputs, drop } = long ? readOnce(files) : await readAgain(files, out);
  try {
    const written = await writePartial({ ...options, inputs, out: partial });
    await rename(partial, out);
    return written;
  } finally {
    await drop();
    await rm(partial, { force: true });
  }
}

/** What is written, from where its files are. */
type Writing = Omit<WriteTableOptions, 'files'> & { readonly inputs: readonly LotInput[] };

function writePartial(options: Writing): Promise<WrittenTable> {
  if (options.long) return writeLong(options);
  return options.format === 'csv' ? writeCsv(options) : writeParquet(options);
}

/** What is done with the parts of a lot. */
type LotTaker = (part: Part) => void | Promise<void>;

/** Reads the files part by part, each lot by a taker of its own; what is damaged, in words. */
async function readLots(
  inputs: readonly LotInput[],
  onProgress: (text: string) => void,
  takerOf: (lot: Lot, file: string) => LotTaker,
): Promise<string[]> {
  const damage: string[] = [];
  for (const { name, path } of inputs) {
    const stream = assembleParts(lotBytes(path, onProgress, name), { lend: true });
    const takers: LotTaker[] = [];
    // A lot without parts has tests, too.
    const open = () => {
      const lots = stream.lots();
      for (const lot of lots.slice(takers.length)) takers.push(takerOf(lot, basename(name)));
    };
    const readFile = async () => {
      for await (const part of stream) {
        if (takers.length <= part.lot) open();
        const taken = takers[part.lot]?.(part);
        if (taken !== undefined) await taken;
      }
      open();
    };
    await namingFile(name, readFile());
    const report = stream.report();
    if (report.damage.length > 0) damage.push(...describeReport(report).map((line) => `${name}: ${line}`));
  }
  return damage;
}

async function readTests({ inputs, onProgress }: Writing): Promise<TestColumns> {
  const lots: Lot[] = [];
  await readLots(
    inputs,
    (text) => onProgress(`tests: ${text}`),
    (lot) => {
      lots.push(lot);
      return () => {};
    },
  );
  const tests = createTestColumns();
  for (const lot of lots) tests.add(lot);
  return tests;
}

async function writeCsv(options: Writing): Promise<WrittenTable> {
  const tests = await readTests(options);
  const columns = tests.columns();
  const writer = openCsv(options.out, { columns: PART_SHAPE, valueColumns: columns });
  const row = new Float32Array(columns.length);
  let rows = 0;
  const damage = await readLots(options.inputs, options.onProgress, (lot, file) => {
    const cellsOf = partCellsOf(lot, file);
    const columnOf: (number | undefined)[] = [];
    return (part) => {
      row.fill(Number.NaN);
      for (let i = 0; i < part.results.length; i++) {
        const value = valueAt(part.results, i);
        if (!Number.isNaN(value)) row[columnAt(part, i, columnOf, tests.columnOf)] = value;
      }
      rows++;
      return writer.row(cellsOf(part), row);
    };
  });
  await writer.finish();
  return { rows, tests: columns.length, damage };
}

/** Reads the files once, and a second time where what came late makes other columns of the tests. */
async function writeParquet(options: Writing): Promise<WrittenTable> {
  const growing = createGrowingColumns();
  const first = await writeGrowing(options, growing.begin, growing.place, growing.count, growing.settle);
  if (first !== undefined) return first;
  const tests = await readTests(options);
  const columns = tests.columns();
  const from = Int32Array.from(columns, (_, c) => c);
  const second = await writeGrowing(
    options,
    () => [],
    tests.columnOf,
    () => columns.length,
    () => ({ columns, from }),
  );
  if (second === undefined) throw new Error('columns that are known did not settle');
  return second;
}

async function writeGrowing(
  { inputs, out, onProgress }: Writing,
  begin: ReturnType<typeof createGrowingColumns>['begin'],
  place: (test: TestDefinition) => number,
  count: () => number,
  settle: ReturnType<typeof createGrowingColumns>['settle'],
): Promise<WrittenTable | undefined> {
  const table = await openParquetOfParts(out, PART_SHAPE);
  let rows = 0;
  const damage = await readLots(inputs, onProgress, (lot, file) => {
    const cellsOf = partCellsOf(lot, file);
    const columnOf = begin(lot);
    const placed = (test: TestDefinition) => {
      const column = place(test);
      table.hold(count());
      return column;
    };
    return (part) => {
      const { results } = part;
      const { values, row } = table;
      for (let i = 0; i < results.length; i++) {
        const value = valueAt(results, i);
        const column = columnAt(part, i, columnOf, placed);
        const to = values[column];
        if (to !== undefined && !Number.isNaN(value)) to[row] = value;
      }
      rows++;
      table.endRow(cellsOf(part));
    };
  });
  const settled = settle();
  if (settled === undefined) return undefined;
  table.finish(settled.columns, settled.from);
  return { rows, tests: settled.columns.length, damage };
}

/** The column of the result at `i`, kept by its test. */
function columnAt(
  { results }: Part,
  i: number,
  columnOf: (number | undefined)[],
  place: (test: TestDefinition) => number,
): number {
  const test = results.tests[i] ?? 0;
  const known = columnOf[test];
  if (known !== undefined) return known;
  const column = place(results.test(i));
  columnOf[test] = column;
  return column;
}

/** Values as in the file, usable or not: the flags say. */
async function writeLong({ inputs, out, format, onProgress }: Writing): Promise<WrittenTable> {
  const shape: TableShape = {
    columns: [...PART_SHAPE, ...RESULT_SHAPE],
    valueColumns: [{ name: 'value', unit: undefined }],
  };
  const writer = await (format === 'csv' ? openCsv(out, shape) : openParquet(out, shape));
  const value = new Float32Array(1);
  let rows = 0;
  const damage = await readLots(inputs, onProgress, (lot, file) => {
    const cellsOf = partCellsOf(lot, file);
    return async (part) => {
      const cells = cellsOf(part);
      for (let i = 0; i < part.results.length; i++) {
        value[0] = part.results.values[i] ?? Number.NaN;
        await writer.row([...cells, part.index, ...resultCells(part.results, i)], value);
        rows++;
      }
    };
  });
  await writer.finish();
  return { rows, tests: 0, damage };
}
