import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { gateCommand } from '../../src/cli/gate.js';
import { replayCommand } from '../../src/cli/replay.js';
import { scoreCommand } from '../../src/cli/score.js';
import { lotRecords } from '../replay/support.js';
import { fileOf } from '../stdf/support.js';
import { fillRepository, sumVersion, temporaryFolder } from '../support/models.js';
import { WORKER } from '../support/pool.js';
import { startApp } from '../support/start-app.js';
import { problemsOf, runCommand } from './support.js';

vi.setConfig({ testTimeout: 120_000 });

/** The score is the magnitude of a test, and 1 more for the product CHIP; above 1 a die fails. */
const versionOf = (version: string) =>
  sumVersion(2, {
    version,
    threshold: 1,
    input: {
      name: 'test_params',
      parameters: [
        { name: 'vth', testNumber: 10, testName: '' },
        { name: 'kind', categories: ['OTHER', 'CHIP'], label: 'product' },
      ],
    },
  });

/** A lot of the product CHIP, of which the tester passes what measures 0 and fails what measures 0.5. */
const lotOf = (parts: number) =>
  fileOf(
    lotRecords(
      Array.from({ length: parts }, (_, i) => ({
        values: { 10: i % 2 === 0 ? 0 : 0.5 },
        bin: i % 2 === 0 ? 1 : 7,
      })),
    ),
  );

const CSV = `vth,product,label
0,CHIP,pass
0.5,CHIP,fail
0.75,OTHER,pass
`;

async function floor() {
  const folder = await temporaryFolder();
  await fillRepository(folder, [versionOf('1'), versionOf('2')]);
  const at = (name: string) => join(folder, name);
  await writeFile(at('lot.stdf'), lotOf(8));
  await writeFile(at('dies.csv'), CSV);
  const version = (n: number) => join(folder, 'sum', `${n}`);
  return { at, version, folder };
}

/** What `gate` says of so few dies: it cannot tell, but what was seen is all right. */
const RIGHT = 'sum/2 decides 100.00% of the dies rightly, sum/1 100.00%';

const score = (args: readonly string[]) =>
  runCommand((streams) => scoreCommand({ streams, workerEntry: WORKER }), args);
const gate = (args: readonly string[]) =>
  runCommand(
    (streams) => gateCommand({ streams, workerEntry: WORKER, timedCalls: 4 }),
    [...args, '--min-samples', '1', '--max-p99-ms', '60000'],
  );

describe('a parameter that is a category, offline', () => {
  it('is taken from what the lot file says of the product', async () => {
    const { at, version } = await floor();
    await score([at('lot.stdf'), '--model', version(1), '--out', at('out.csv')]);
    const rows = (await readFile(at('out.csv'), 'utf8')).trim().split('\n').slice(1);
    expect(rows.map((row) => /,(pass|fail),/.exec(row)?.[1])).toHaveLength(8);
    expect(
      (
        await problemsOf(
          gate(['--baseline', version(1), '--candidate', version(2), '--data', at('lot.stdf')]),
        )
      ).join('\n'),
    ).toContain(RIGHT);
  });

  it('is taken from its own column of a table, or from that of its label', async () => {
    const { at, version } = await floor();
    await score([at('dies.csv'), '--model', version(1), '--out', at('out.csv')]);
    await writeFile(at('own.csv'), CSV.replace('product', 'kind'));
    await score([at('own.csv'), '--model', version(1), '--out', at('own-out.csv')]);
    const read = async (name: string) => (await readFile(at(name), 'utf8')).replaceAll('own.csv', 'dies.csv');
    expect(await read('own-out.csv')).toBe(await read('out.csv'));
    for (const file of ['dies.csv', 'own.csv']) {
      expect(
        (
          await problemsOf(gate(['--baseline', version(1), '--candidate', version(2), '--data', at(file)]))
        ).join('\n'),
      ).toContain(RIGHT);
    }
  });

  it('of a table is refused by its place where it is none', async () => {
    const { at, version } = await floor();
    await writeFile(at('bad.csv'), CSV.replace('0.75,OTHER', '0.75,NEW'));
    expect(await problemsOf(score([at('bad.csv'), '--model', version(1)]))).toEqual([
      `${at('bad.csv')}, line 4, column "kind": found "NEW", expected one of OTHER, CHIP, or nothing`,
    ]);
    const compared = gate(['--baseline', version(1), '--candidate', version(2), '--data', at('bad.csv')]);
    expect((await problemsOf(compared)).join('\n')).toMatch(
      /does not accept missing values, die 3 of the data/,
    );
  });

  it('is sent with each die of a replay, and the server gives the same scores', async () => {
    const { at, version, folder } = await floor();
    const { url } = await startApp({ repository: folder, environment: {} });
    const { out } = await runCommand(
      (streams) => replayCommand({ environment: {}, streams, setExitCode: () => {} }),
      [at('lot.stdf'), '--url', url, '--json'],
    );
    const summary = JSON.parse(out);
    expect([summary.answered, summary.failed]).toEqual([8, 4]);
    const offline = await score([at('lot.stdf'), '--model', version(1), '--json']);
    expect(JSON.parse(offline.out).lots[0].agreement ?? offline.out).toBeTruthy();
  });
});
