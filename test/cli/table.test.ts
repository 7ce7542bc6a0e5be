import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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

describe('diegate table', () => {
  it('has a row for each part of all files and a column for each test of any, units in the header', async () => {
    const { folder, files } = await lots();
    const out = join(folder, 'lot.csv');
    const { out: said } = await table([...files, '--out', out]);
    expect(said).toContain('3 rows, 6 tests');
    const [header, ...rows] = (await readFile(out, 'utf8')).trimEnd().split('\r\n');
    expect(header).toMatch(/,1 vdd \(V\),"2 a, ""b""",3,4 \[1\],4 \[2\],9 late$/);
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
    expect(read.parameters).toEqual(['1 vdd (V)', '2 a, "b"', '3', '4 [1]', '4 [2]', '9 late']);
    expect([...read.passing]).toEqual([1, 0, 1]);
    expect(Array.from(read.values.subarray(0, 4))).toEqual([Math.fround(1.1), 9, 1, 5]);
  });

  it('as Parquet has the float32 of the file, NaN where there is no usable value, and says units and limits', async () => {
    const { folder, files } = await lots();
    const out = join(folder, 'lot.parquet');
    await table([...files, '--out', out]);
    const { rows, metadata } = await readParquet(out);
    expect(rows).toMatchObject([
      { part_id: '1', x: 5, label: 'pass', '1 vdd': Math.fround(1.1), '3': 1, '4 [2]': Number.NaN },
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

  it('refuses what it cannot write, and to read standard input twice', async () => {
    const { folder, files } = await lots();
    expect(await problemsOf(table([...files, '--out', join(folder, 'x.xls')]))).toEqual([
      expect.stringContaining('expected a file that ends in .csv or .parquet'),
    ]);
    expect(await problemsOf(table(['-', '--out', join(folder, 'x.csv')]))).toEqual([
      expect.stringContaining('standard input can be read once'),
    ]);
  });
});
