import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { scoreCommand } from '../../src/cli/score.js';
import { MAP_FORMATS } from '../../src/mapfile/map-formats.js';
import { readDieTable } from '../../src/training/table/read-die-table.js';
import { referenceOfColumns } from '../drift/references.js';
import { fileOf, mir, mrr } from '../stdf/support.js';
import { fillRepository, sumVersion, temporaryFolder } from '../support/models.js';
import { WORKER } from '../support/pool.js';
import { problemsOf, runCommand } from './support.js';

/** Fails a die when the magnitudes of VTN and IDD add up to more than 1. */
const MODEL = sumVersion(2, {
  input: {
    name: 'test_params',
    parameters: [{ name: 'VTN' }, { name: 'IDD', unit: 'mA' }],
    missing: 'reject',
  },
});

/** The parameters in another order than the model's; a fail that is caught, a pass that is flagged, a value missing. */
const CSV = `IDD,lot_id,wafer_id,x,y,site,hard_bin,label,note,VTN
0.25,L1,W1,1,1,1,1,pass,a,0.5
0.5,L1,W1,2,1,2,7,fail,b,-0.75
0.5,L1,W1,1,2,1,1,pass,c,1
,L1,W1,2,2,2,1,pass,d,0.1
`;

const REFERENCE = referenceOfColumns([0, 1].map(() => Array.from({ length: 1000 }, (_, i) => i / 1000)));

async function floor(version: Parameters<typeof fillRepository>[1][number] = MODEL) {
  const folder = await temporaryFolder();
  await fillRepository(folder, [version]);
  const at = (name: string) => join(folder, name);
  await writeFile(at('t.csv'), CSV);
  await writeFile(at('t.csv.gz'), gzipSync(CSV));
  await writeFile(at('t.parquet'), parquetOf(CSV));
  return { at, model: ['--model', join(folder, MODEL.manifest.name, MODEL.manifest.version)] };
}

/** The same table as a Parquet file, numbers as doubles. */
function parquetOf(csv: string): Uint8Array {
  const [header = [], ...rows]: string[][] = parse(csv);
  const columnData = header.map((name, i) => {
    const cells = rows.map((row) => row[i] ?? '');
    const text = ['lot_id', 'wafer_id', 'label', 'note'].includes(name);
    const data = cells.map((cell) => (cell === '' ? null : text ? cell : Number(cell)));
    return { name, data, type: text ? ('STRING' as const) : ('DOUBLE' as const), nullable: true };
  });
  return new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 2 }));
}

const score = (args: readonly string[]) =>
  runCommand((streams) => scoreCommand({ streams, workerEntry: WORKER }), args);

describe('diegate score of a table', () => {
  it.each(['t.csv', 't.csv.gz', 't.parquet'])(
    '%s: by the names of the columns, with what else is known of a die',
    async (name) => {
      const { at, model } = await floor();
      const { out } = await score([at(name), ...model, '--json', '--out', at('out.csv')]);
      expect(JSON.parse(out).files[0]).toMatchObject({
        lots: ['L1'],
        parts: {
          parts: 4,
          scored: 3,
          notScored: { missing_values: 1 },
          byTester: { pass: { scored: 2, predictedFail: 1 }, fail: { scored: 1, predictedFail: 1 } },
        },
      });
      const rows: Record<string, string>[] = parse(await readFile(at('out.csv')), { columns: true });
      expect(
        rows.map((row) => [
          row.x,
          row.y,
          row.site,
          row.hard_bin,
          row.tester,
          row.prediction,
          row.anomaly_score,
        ]),
      ).toEqual([
        ['1', '1', '1', '1', 'pass', 'pass', '0.75'],
        ['2', '1', '2', '7', 'fail', 'fail', '1.25'],
        ['1', '2', '1', '1', 'pass', 'fail', '1.5'],
        ['2', '2', '2', '1', 'pass', '', ''],
      ]);
      expect(rows[3]?.not_scored).toBe('missing_values');
    },
  );

  it('explains, draws a report and writes map files', async () => {
    const { at, model } = await floor();
    const asked = [
      '--explain',
      '1',
      '--report',
      at('r.html'),
      '--map',
      'e142',
      '--map-out',
      at('maps'),
      '--map-fail-bin',
      '99',
    ];
    const { out } = await score([at('t.csv'), ...model, ...asked, '--out', at('out.ndjson')]);
    expect(out).toContain('4 rows: 3 scored, 1 not scored');
    const [, second] = (await readFile(at('out.ndjson'), 'utf8')).split('\n');
    expect(JSON.parse(second ?? '').explanation[0]).toMatchObject({ name: 'VTN', value: -0.75 });
    expect(await readFile(at('r.html'), 'utf8')).toContain('Wafer W1, lot L1');
    const [map = ''] = await readdir(at('maps'));
    expect([...MAP_FORMATS.e142.read(await readFile(join(at('maps'), map), 'utf8')).bins]).toEqual([
      99, 1, 1, 7,
    ]);
  });

  it('names the columns that are missing, and the line and column of what is no number', async () => {
    const { at, model } = await floor();
    await writeFile(at('renamed.csv'), CSV.replace('VTN', 'VTP'));
    expect(await problemsOf(score([at('renamed.csv'), ...model]))).toEqual([
      expect.stringContaining('lacks the columns of 1 of the 2 parameters of model sum/1: VTN'),
    ]);
    await writeFile(at('text.csv'), CSV.replace('-0.75', 'open'));
    expect(await problemsOf(score([at('text.csv'), ...model]))).toEqual([
      expect.stringContaining('line 3, column "VTN": found "open", expected a number'),
    ]);
    await writeFile(at('short.csv'), CSV.replace(',d,0.1', ''));
    expect(await problemsOf(score([at('short.csv'), ...model]))).toEqual([
      expect.stringContaining('line 5: found 8 cells, expected the 10 of the header'),
    ]);
    await writeFile(at('bad.parquet'), 'PAR1 and nothing more');
    expect(await problemsOf(score([at('bad.parquet'), ...model]))).toEqual([
      expect.stringContaining('bad.parquet cannot be read as Parquet'),
    ]);
  });

  it('refuses tables and lot files in one call', async () => {
    const { at, model } = await floor();
    await writeFile(at('lot.stdf'), fileOf([mir, mrr]));
    expect(await problemsOf(score([at('t.csv'), at('lot.stdf'), ...model]))).toEqual([
      expect.stringContaining('lot.stdf is no table, but other files are'),
    ]);
  });

  it('lists rows for an engineer, and measures drift where the model has a reference', async () => {
    const { at, model } = await floor({ ...MODEL, reference: REFERENCE });
    const asked = [at('t.csv'), ...model, '--review', '2', '--report', at('r.html')];
    const { review, drift } = JSON.parse((await score([...asked, '--json'])).out);
    expect(review.map(({ chosen, x, y, site }: Record<string, unknown>) => [chosen, x, y, site])).toEqual([
      ['near the threshold', 1, 1, '1'],
      ['random', expect.any(Number), expect.any(Number), expect.any(String)],
    ]);
    expect(drift).toMatchObject({ dies: 3, sites: [{ name: expect.stringContaining('1') }, {}] });
    const { out } = await score(asked);
    expect(out).toContain('for review, 1 nearest to the threshold, 1 at random:');
    expect(await readFile(at('r.html'), 'utf8')).toContain('<h2>For review');
    const without = await floor();
    expect(JSON.parse((await score([without.at('t.csv'), ...without.model, '--json'])).out).drift).toBeNull();
  });

  it('finds a column by its name with the unit behind it, as diegate table writes them', async () => {
    const { at, model } = await floor();
    await writeFile(at('u.csv'), CSV.replace('IDD,', 'IDD (mA),'));
    const { files } = JSON.parse((await score([at('u.csv'), ...model, '--json'])).out);
    expect(files[0].parts.scored).toBe(3);
  });
});

it('train reads the same dies from a Parquet file as from the CSV', async () => {
  const { at } = await floor();
  const [csv, parquet] = await Promise.all([readDieTable([at('t.csv')]), readDieTable([at('t.parquet')])]);
  expect({ ...parquet, sources: [] }).toEqual({ ...csv, sources: [] });
  expect(parquet.sources[0]).toMatchObject({
    name: 't.parquet',
    dies: 4,
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
});
