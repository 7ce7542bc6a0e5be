import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scoreCommand } from '../../src/cli/score.js';
import { fileOf, mir, mrr, pir, prr, ptr } from '../stdf/support.js';
import { fillRepository, sumVersion, temporaryFolder } from '../support/models.js';
import { WORKER } from '../support/pool.js';
import { runCommand } from './support.js';

/** Fails a part when the magnitude of test 10 is over 1. */
const MODEL = sumVersion(1, {
  input: { name: 'test_params', parameters: [{ name: 'IDD', testNumber: 10 }], missing: 'reject' },
});

/** Packaged parts at two sites, without coordinates; site 2 fails more. */
const FINAL_TEST = fileOf([
  { ...mir, jobRev: 'R7' },
  ...[0.5, 0.25, 2, 0.5].flatMap((value, i) => [
    pir(1, 1 + (i % 2)),
    ptr(10, value, { headNum: 1, siteNum: 1 + (i % 2), testTxt: 'IDD', units: 'A', optFlag: 0, resScal: 3 }),
    prr(1, 1 + (i % 2), {
      ...{ xCoord: -32768, yCoord: -32768, partId: `P${i}` },
      ...(i === 1 ? { partFlg: 8, hardBin: 5, softBin: 51 } : { hardBin: 1, softBin: 1 }),
    }),
  ]),
  { type: 'Sbr', headNum: 255, siteNum: 0, sbinNum: 51, sbinCnt: 1, sbinPf: 'F', sbinNam: 'LEAK' },
  mrr,
]);

async function reportOf(bytes: Uint8Array): Promise<string> {
  const folder = await temporaryFolder();
  await fillRepository(folder, [MODEL]);
  await writeFile(join(folder, 'lot.stdf'), bytes);
  const model = join(folder, MODEL.manifest.name, MODEL.manifest.version);
  const args = [join(folder, 'lot.stdf'), '--model', model, '--report', join(folder, 'r.html')];
  await runCommand((streams) => scoreCommand({ streams, workerEntry: WORKER }), args);
  return readFile(join(folder, 'r.html'), 'utf8');
}

/** The cells of each row of the table with that title. */
function tableOf(html: string, title: string): string[][] {
  const [, section = ''] = html.split(`<h2>${title}`);
  const rows = (section.split('</table>')[0] ?? '').match(/<tr>.*?<\/tr>/gs) ?? [];
  return rows.map((row) => [...row.matchAll(/<t[dh][^>]*>([^<]*)</g)].map(([, cell]) => cell ?? ''));
}

describe('the report of a final-test lot', () => {
  it('has tables instead of maps, and says why', async () => {
    const html = await reportOf(FINAL_TEST);
    expect(html).not.toContain('<svg');
    expect(html).toContain('No die has coordinates: there are no wafer maps.');
    expect(tableOf(html, 'Lots')[1]?.slice(1)).toEqual(expect.arrayContaining(['LOT-1', '4', '75.0%']));
  });

  it('tells sites apart: dies, yields, caught and flagged', async () => {
    expect(tableOf(await reportOf(FINAL_TEST), 'By site')).toEqual([
      [
        'head/site',
        'dies',
        'scored',
        'tester&#39;s yield',
        'model&#39;s yield',
        'caught',
        'flagged',
        'median score',
        'hard bins',
      ],
      ['1/1', '2', '2', '100.0%', '50.0%', '\u2013', '1 of 2', '2', '1: 2'],
      ['1/2', '2', '2', '50.0%', '100.0%', '0 of 1', '0 of 1', '0.5', '1: 1, 5: 1'],
    ]);
  });

  it('names soft bins, failing dies and the tests that contributed, in the tester’s unit', async () => {
    const html = await reportOf(FINAL_TEST);
    expect(tableOf(html, 'Soft bins')[2]?.slice(0, 3)).toEqual(['51', 'LEAK', '1']);
    expect(tableOf(html, 'Failing dies')[1]).toEqual([
      ...['P2', '', 'pass', '', '', '1/1', '1', '1', '2'],
      expect.stringMatching(/%$/),
      expect.stringContaining('10 IDD: 2000 mA'),
    ]);
    expect(tableOf(html, 'Tests by contribution')[1]).toEqual(['10 IDD', '1', '1', '100.0%']);
  });
});
