import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectCommand } from '../../src/cli/inspect.js';
import { scoreCommand } from '../../src/cli/score.js';
import { tableCommand } from '../../src/cli/table-command.js';
import { type FinalTestWays, finalTestLot } from '../support/final-test-lot.js';
import { fillRepository, sumVersion, temporaryFolder } from '../support/models.js';
import { WORKER } from '../support/pool.js';
import { runCommand } from './support.js';

/** 40 dies, of which one fails by each test; the second of site 4 fails by a pin. */
const LOT: FinalTestWays = {
  coordinates: -1,
  touchdowns: 10,
  failing: { '1:3': 'Idd_q', '4:2': 'Leak_IO', '2:7': 'scan_chain' },
};

/** Fails a part when the supply current and the leakage of IO2 together are over 0.5 µA beyond the usual. */
const MODEL = sumVersion(2, {
  threshold: 2.05e-5,
  input: {
    name: 'test_params',
    missing: 'reject',
    parameters: [
      { name: 'Idd_q', testNumber: 0, unit: 'A' },
      { name: 'Leak_IO', testNumber: 0, position: 2, pin: 'IO2', unit: 'A' },
    ],
  },
});

async function floor(lots: Readonly<Record<string, Buffer>>) {
  const folder = await temporaryFolder();
  await fillRepository(folder, [MODEL]);
  for (const [name, bytes] of Object.entries(lots)) await writeFile(join(folder, name), bytes);
  const files = Object.keys(lots).map((name) => join(folder, name));
  const model = join(folder, MODEL.manifest.name, MODEL.manifest.version);
  return { folder, files, model };
}

const score = (args: readonly string[]) =>
  runCommand((streams) => scoreCommand({ streams, workerEntry: WORKER }), args);

/** The rows of a CSV without quoted cells, by column. */
async function rowsOf(file: string): Promise<Record<string, string>[]> {
  const [head = '', ...lines] = (await readFile(file, 'utf8')).trim().split('\r\n');
  const names = head.split(',');
  return lines.map((line) => Object.fromEntries(line.split(',').map((cell, i) => [names[i], cell])));
}

describe.each([-1, 0, -32768])('a final-test lot whose parts all have the coordinates %i', (coordinates) => {
  const lot = finalTestLot({ ...LOT, coordinates });

  it('has its dies by PART_ID and site, its tests by name and pin', async () => {
    const { files } = await floor({ 'ft.stdf.gz': lot });
    const { out } = await runCommand((streams) => inspectCommand({ streams }), [...files, '--json']);
    const { parts, sites, tests, retests, report } = JSON.parse(out);
    expect(retests.dies).toBe(0);
    expect(report.byteOrder).toBe('big');
    expect([parts.dies, parts.passed, parts.failed]).toEqual([40, 37, 3]);
    expect(sites.map((site: { failed: number }) => site.failed)).toEqual([1, 1, 0, 1]);
    expect(
      tests.map(({ name, pin, failed, results }: Record<string, unknown>) => [name, pin, results, failed]),
    ).toEqual([
      ['Idd_q', undefined, 40, 1],
      ['Leak_IO', 'IO1', 40, 0],
      ['Leak_IO', 'IO2', 40, 1],
      ['scan_chain', undefined, 40, 1],
    ]);
  });

  it('is scored die by die, without a wafer map, by ids that name dies', async () => {
    const { folder, files, model } = await floor({ 'ft.stdf.gz': lot });
    const [csv, html, maps] = ['p.csv', 'r.html', 'maps'].map((name) => join(folder, name));
    const asked = ['--out', csv ?? '', '--report', html ?? '', '--map', 'sinf', '--map-out', maps ?? ''];
    const { out } = await score([...files, '--model', model, ...asked]);
    expect(out).toContain('40 dies (last touchdown): 40 scored, 0 not scored');
    expect(out).toContain('there is no wafer map');
    expect(out).not.toContain('which way x and y grow');
    expect(await readFile(html ?? '', 'utf8')).not.toContain('<svg');
    expect(await readdir(maps ?? '')).toEqual([]);
    const rows = await rowsOf(csv ?? '');
    expect(new Set(rows.map(({ die_id }) => die_id)).size).toBe(40);
    expect(rows.filter(({ prediction }) => prediction === 'fail').map(({ die_id }) => die_id)).toEqual([
      'FT1_2_s4_n7',
      'FT1_3_s1_n8',
    ]);
  });
});

describe('the retest of a final-test lot', () => {
  const first = finalTestLot(LOT);
  const again = finalTestLot({
    ...LOT,
    failing: { '2:7': 'scan_chain' },
    retestOf: ['1:3', '4:2', '2:7'],
  });

  it('replaces the dies of its PART_ID and site, and shares no id with others', async () => {
    const { folder, files, model } = await floor({ 'ft.stdf.gz': first, 'ft-r1.stdf.gz': again });
    const csv = join(folder, 'p.csv');
    const { out } = await score([...files, '--model', model, '--out', csv]);
    expect(out).toContain('43 parts: 43 scored');
    expect(out).toContain('40 dies (last touchdown): 40 scored');
    expect(out).toContain('3 dies were tested again: their last touchdown is final');
    const rows = await rowsOf(csv);
    expect(new Set(rows.map(({ die_id }) => die_id)).size).toBe(43);
    expect(
      rows.filter(({ touchdown }) => touchdown === '2').map(({ site, part_id }) => `${site}:${part_id}`),
    ).toEqual(['4:2', '1:3', '2:7']);
  });
});

it('a value at its limit is at it in the table of results, too', async () => {
  const { folder, files } = await floor({ 'ft.stdf.gz': finalTestLot(LOT) });
  const csv = join(folder, 'results.csv');
  await runCommand((streams) => tableCommand({ streams }), [...files, '--long', '--out', csv]);
  const [idd] = await rowsOf(csv);
  // Both are float32 in the file: 3e-5 is not written as 0.000029999999242136255.
  expect([idd?.value, idd?.high_limit]).toEqual(['0.00002', '0.00003']);
});
