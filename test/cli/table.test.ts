import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { tableCommand } from '../../src/cli/table-command.js';
import { readDieTable } from '../../src/training/table/read-die-table.js';
import { fileOf, mir, mrr, pir, prr, ptr } from '../stdf/support.js';
import { temporaryFolder } from '../support/models.js';
import { problemsOf, runCommand } from './support.js';

const table = (args: readonly string[]) => runCommand((streams) => tableCommand({ streams }), args);

const first = {
  testTxt: 'vdd',
  optFlag: 0x0e,
  resScal: 0,
  llmScal: 0,
  hlmScal: 0,
  loLimit: 1,
  hiLimit: 2,
  units: 'V',
};
const ftr = { type: 'Ftr', testNum: 3, headNum: 1, siteNum: 0, testFlg: 0x80, optFlag: 0xff } as const;
const mpr = {
  type: 'Mpr',
  ...{ testNum: 4, headNum: 1, siteNum: 0, testFlg: 0, parmFlg: 0 },
  ...{ rtnIcnt: 0, rsltCnt: 2, rtnStat: [], rtnRslt: [5, Number.NaN] },
} as const;
const LOT = [
  mir,
  ...[pir(1, 0), ptr(1, 1.1, first), ptr(2, 9, { testTxt: 'a, "b"' }), ftr, mpr, prr(1, 0, { partId: '1' })],
  ...[pir(1, 0), ptr(1, 7, { testFlg: 0x81 }), prr(1, 0, { partId: '2', partFlg: 8, xCoord: -32768 })],
  mrr,
];

async function lots(): Promise<{ readonly folder: string; readonly files: readonly string[] }> {
  const folder = await temporaryFolder();
  const files = [join(folder, 'one.stdf'), join(folder, 'two.stdf')];
  const other = [
    mir,
    pir(1, 0),
    ptr(1, 2.5, first),
    ptr(9, 3, { testTxt: 'late' }),
    prr(1, 0, { partId: '3' }),
    mrr,
  ];
  await writeFile(files[0] ?? '', fileOf(LOT));
  await writeFile(files[1] ?? '', fileOf(other, 'big'));
  return { folder, files };
}

async function readParquet(path: string) {
  const bytes = await readFile(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return { rows: await parquetReadObjects({ file }), metadata: parquetMetadata(file) };
}

/** The rows of a table, as JSON has them. */
async function rowsOf(path: string): Promise<unknown[]> {
  if (path.endsWith('.csv')) return (await readFile(path, 'utf8')).split('\r\n');
  return JSON.parse(JSON.stringify((await readParquet(path)).rows));
}

describe('diegate table', () => {
  it('has a row for each part of all files and a column for each test of any, units in the header', async () => {
    const { folder, files } = await lots();
    const out = join(folder, 'lot.csv');
    const { out: said } = await table([...files, '--out', out]);
    expect(said).toContain('3 rows, 6 tests');
    const [header, ...rows] = (await readFile(out, 'utf8')).trimEnd().split('\r\n');
    expect(header).toMatch(/,1 vdd \(V\),"2 a, ""b""",3 \(functional\),4\[1\],4\[2\],9 late$/);
    expect(rows).toEqual([
      'one.stdf,LOT-1,,,1,5,-7,1,0,node,1970-01-01T00:00:02,1,1,pass,0,12,1.1,9,1,5,,',
      'one.stdf,LOT-1,,,2,,-7,1,0,node,1970-01-01T00:00:02,1,1,fail,8,12,,,,,,',
      'two.stdf,LOT-1,,,3,5,-7,1,0,node,1970-01-01T00:00:02,1,1,pass,0,12,2.5,,,,,3',
    ]);
  });

  it('is a CSV that train reads: its parameters are the tests, its label is the tester verdict', async () => {
    const { folder, files } = await lots();
    const out = join(folder, 'lot.csv');
    await table([...files, '--out', out]);
    const read = await readDieTable([out]);
    expect(read.parameters).toEqual(['1 vdd (V)', '2 a, "b"', '3 (functional)', '4[1]', '4[2]', '9 late']);
    expect([...read.passing]).toEqual([1, 0, 1]);
    expect(Array.from(read.values.subarray(0, 4))).toEqual([Math.fround(1.1), 9, 1, 5]);
  });

  it('as Parquet has the float32 of the file, NaN where there is no usable value, and says units and limits', async () => {
    const { folder, files } = await lots();
    const out = join(folder, 'lot.parquet');
    await table([...files, '--out', out]);
    const { rows, metadata } = await readParquet(out);
    expect(rows).toMatchObject([
      {
        part_id: '1',
        x: 5,
        label: 'pass',
        '1 vdd': Math.fround(1.1),
        '3 (functional)': 1,
        '4[2]': Number.NaN,
      },
      { part_id: '2', x: null, label: 'fail', '1 vdd': Number.NaN },
      { part_id: '3', stdf_file: 'two.stdf', '9 late': 3 },
    ]);
    const said = metadata.key_value_metadata?.find(({ key }) => key === 'diegate_columns')?.value ?? '[]';
    expect(JSON.parse(said)[0]).toEqual({
      ...{ name: '1 vdd', testNumber: 1, testName: 'vdd', kind: 'Ptr', unit: 'V', lowLimit: 1, highLimit: 2 },
    });
  });

  it('--long has a row for each result as it stands, with limits, verdict and flags', async () => {
    const { folder, files } = await lots();
    const out = join(folder, 'results.parquet');
    await table([...files, '--long', '--out', out]);
    const { rows } = await readParquet(out);
    expect(rows).toHaveLength(8);
    expect(rows[0]).toMatchObject({
      test_number: 1,
      test_name: 'vdd',
      unit: 'V',
      low_limit: 1,
      high_limit: 2,
    });
    expect(rows[2]).toMatchObject({ kind: 'Ftr', verdict: 'fail', test_flag: 0x80, value: Number.NaN });
    expect(rows[5]).toMatchObject({ part_id: '2', value: 7, verdict: 'fail', test_flag: 0x81, unit: 'V' });
  });

  it('refuses what it cannot write', async () => {
    const { folder, files } = await lots();
    expect(await problemsOf(table([...files, '--out', join(folder, 'x.xls')]))).toEqual([
      expect.stringContaining('expected a file that ends in .csv or .parquet'),
    ]);
  });

  it.each(['csv', 'parquet'])(
    'writes of standard input and of a pipe what it writes of the files: %s',
    async (ending) => {
      const { folder, files } = await lots();
      const [expected, out] = [join(folder, `of-files.${ending}`), join(folder, `of-pipes.${ending}`)];
      await table([...files, '--out', expected]);
      const pipe = join(folder, 'two.stdf.pipe');
      await promisify(execFile)('mkfifo', [pipe]);
      const piped = pipeline(createReadStream(files[1] ?? ''), createWriteStream(pipe));
      const command = execFile(process.execPath, ['dist/main.js', 'table', '-', pipe, '--out', out]);
      const ended = once(command, 'close');
      command.stdin?.end(await readFile(files[0] ?? ''));
      await piped;
      expect(await ended).toEqual([0, null]);
      expect(await rowsOf(out)).toEqual(
        (await rowsOf(expected)).map((row) =>
          JSON.parse(JSON.stringify(row).replaceAll('one.stdf', '-').replaceAll('two.stdf', 'two.stdf.pipe')),
        ),
      );
      expect((await readdir(folder)).filter((name) => name.startsWith('of-pipes'))).toEqual([
        `of-pipes.${ending}`,
      ]);
    },
  );

  it('reads a Parquet file of parts once: a test that comes late is a column of all groups of rows', async () => {
    const folder = await temporaryFolder();
    const [file, out] = [join(folder, 'lot.stdf'), join(folder, 'lot.parquet')];
    const parts = Array.from({ length: 600 }, (_, i) => [
      pir(1, 0),
      ptr(1, i, { testTxt: 'vdd' }),
      ...(i === 599 ? [ptr(2, 42, { testTxt: 'late' })] : []),
      prr(1, 0, { partId: String(i) }),
    ]);
    await writeFile(file, fileOf([mir, ...parts.flat(), mrr]));
    await table([file, '--out', out]);
    const { rows, metadata } = await readParquet(out);
    expect(metadata.row_groups.length).toBeGreaterThan(1);
    expect(rows).toHaveLength(600);
    rows.forEach((row, i) => {
      expect(row).toMatchObject({ part_id: String(i), '1 vdd': i, '2 late': i === 599 ? 42 : Number.NaN });
    });
  });

  it('knows a test of two lots by the name that its summary gives it after its values', async () => {
    const folder = await temporaryFolder();
    const [one, two, out] = [join(folder, 'a.stdf'), join(folder, 'b.stdf'), join(folder, 'lot.parquet')];
    const named = {
      type: 'Tsr',
      headNum: 255,
      siteNum: 0,
      testTyp: 'P',
      testNum: 1,
      testNam: 'vdd',
    } as const;
    const counts = { execCnt: 1, failCnt: 0, alrmCnt: 0 };
    await writeFile(one, fileOf([mir, pir(1, 0), ptr(1, 5, { testTxt: 'vdd' }), prr(1, 0), mrr]));
    await writeFile(two, fileOf([mir, pir(1, 0), ptr(1, 6), prr(1, 0), { ...named, ...counts }, mrr]));
    await table([one, two, '--out', out]);
    const { rows } = await readParquet(out);
    expect(rows.map((row) => row['1 vdd'])).toEqual([5, 6]);
  });

  it('has the same cells as CSV and as Parquet', async () => {
    const folder = await temporaryFolder();
    const { files } = await lots();
    await table([...files, '--out', join(folder, 'a.csv')]);
    await table([...files, '--out', join(folder, 'a.parquet')]);
    const [header = '', ...lines] = (await readFile(join(folder, 'a.csv'), 'utf8')).trimEnd().split('\r\n');
    const { rows, metadata } = await readParquet(join(folder, 'a.parquet'));
    const names = metadata.schema.slice(1).map(({ name }) => name);
    const said = (value: unknown) => {
      if (value === null || Number.isNaN(value)) return '';
      return typeof value === 'number' ? String(Number(value.toPrecision(7))) : String(value);
    };
    expect(header.split(',').length).toBe(names.length + 1);
    expect(rows.map((row) => names.map((name) => said(row[name])).join(','))).toEqual(lines);
  });

  it('leaves what was there when a file cannot be read to its end', async () => {
    const { folder, files } = await lots();
    const out = join(folder, 'lot.parquet');
    await writeFile(out, 'of before');
    await writeFile(join(folder, 'none.stdf'), 'no lot at all');
    await problemsOf(table([...files, join(folder, 'none.stdf'), '--out', out]));
    expect(await readFile(out, 'utf8')).toBe('of before');
    expect(await readdir(folder)).not.toContain('lot.parquet.partial');
  });
});
