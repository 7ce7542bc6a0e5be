import { basename } from 'node:path';
import { type Cell, createTestColumns, PART_COLUMNS, partCells } from '../../lots/part-columns.js';
import { assembleParts, describeReport, type PartResults } from '../../stdf/stdf.js';
import { lotBytes, namingFile } from '../lot-file.js';
import type { TableShape, TableWriter } from './table-writer.js';

export interface WriteTableOptions {
  readonly files: readonly string[];
  readonly long: boolean;
  readonly open: (shape: TableShape) => TableWriter | Promise<TableWriter>;
  readonly onProgress: (text: string) => void;
}

export interface WrittenTable {
  readonly rows: number;
  /** Columns of tests; 0 of a long table. */
  readonly tests: number;
  /** What was damaged, in words. */
  readonly damage: readonly string[];
}

const PART_SHAPE = Object.entries(PART_COLUMNS).map(([name, type]) => ({ name, type }));

/**
 * Writes the parts of lot files, all touchdowns in the order of the files, one a row; or their results.
 * The columns are the tests of all files, so files are read twice, which takes no memory for their parts.
 * @throws Fault `invalid_data` when a file is not STDF V4
 */
export async function writeTable(options: WriteTableOptions): Promise<WrittenTable> {
  return options.long ? writeLong(options) : writeWide(options);
}

async function writeWide({ files, open, onProgress }: WriteTableOptions): Promise<WrittenTable> {
  const tests = createTestColumns();
  const damage: string[] = [];
  for (const file of files) {
    const stream = assembleParts(lotBytes(file, (text) => onProgress(`tests: ${text}`)));
    await namingFile(
      file,
      (async () => {
        for await (const _ of stream);
      })(),
    );
    for (const lot of stream.lots()) tests.add(lot);
    damage.push(...problemsOf(file, stream.report()));
  }
  const columns = tests.columns();
  const writer = await open({
    columns: PART_SHAPE,
    valueColumns: columns,
    metadata: { diegate_columns: JSON.stringify(columns) },
  });
  const row = new Float32Array(columns.length);
  let rows = 0;
  for (const file of files) {
    const stream = assembleParts(lotBytes(file, onProgress));
    const fill = tests.filler();
    for await (const part of stream) {
      fill(part.results, row, part.lot);
      await writer.row(Object.values(partCells(part, stream.lots()[part.lot], basename(file))), row);
      rows++;
    }
  }
  await writer.finish();
  return { rows, tests: columns.length, damage };
}

const RESULT_SHAPE = [
  { name: 'part_index', type: 'INT32' },
  { name: 'test_number', type: 'DOUBLE' },
  { name: 'test_name', type: 'STRING' },
  { name: 'kind', type: 'STRING' },
  { name: 'position', type: 'INT32' },
  { name: 'pin', type: 'STRING' },
  { name: 'unit', type: 'STRING' },
  { name: 'low_limit', type: 'DOUBLE' },
  { name: 'high_limit', type: 'DOUBLE' },
  { name: 'verdict', type: 'STRING' },
  { name: 'test_flag', type: 'INT32' },
  { name: 'parm_flag', type: 'INT32' },
] as const;

/** Values as in the file, usable or not: the flags say. */
async function writeLong({ files, open, onProgress }: WriteTableOptions): Promise<WrittenTable> {
  const writer = await open({
    columns: [...PART_SHAPE, ...RESULT_SHAPE],
    valueColumns: [{ name: 'value', unit: undefined }],
    metadata: {},
  });
  const value = new Float32Array(1);
  const damage: string[] = [];
  let rows = 0;
  for (const file of files) {
    const stream = assembleParts(lotBytes(file, onProgress));
    await namingFile(
      file,
      (async () => {
        for await (const part of stream) {
          const cells = Object.values(partCells(part, stream.lots()[part.lot], basename(file)));
          for (let i = 0; i < part.results.length; i++) {
            value[0] = part.results.values[i] ?? Number.NaN;
            await writer.row([...cells, part.index, ...resultCells(part.results, i)], value);
            rows++;
          }
        }
      })(),
    );
    damage.push(...problemsOf(file, stream.report()));
  }
  await writer.finish();
  return { rows, tests: 0, damage };
}

function resultCells(results: PartResults, i: number): Cell[] {
  const test = results.test(i);
  const limits = results.limits(i);
  const verdict = results.verdict(i);
  const flags = results.flags[i] ?? 0;
  return [
    test.testNum,
    test.testTxt.trim(),
    test.kind,
    test.position,
    test.pin,
    results.display(i).units.trim() || undefined,
    limits.lo,
    limits.hi,
    verdict === 'none' ? undefined : verdict,
    flags & 0xff,
    flags >> 8,
  ];
}

function problemsOf(file: string, report: Parameters<typeof describeReport>[0]): string[] {
  return report.damage.length === 0 ? [] : describeReport(report).map((line) => `${file}: ${line}`);
}
