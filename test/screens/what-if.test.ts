import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { whatIfCommand } from '../../src/cli/what-if.js';
import { type JudgedDie, thresholdsFor, whatIf } from '../../src/screens/what-if.js';
import { problemsOf, runCommand } from '../cli/support.js';
import { ptr } from '../stdf/support.js';
import { fillRepository, sumVersion } from '../support/models.js';
import { WORKER } from '../support/pool.js';
import { temporaryFolder } from '../training/fixtures.js';
import { lotFile } from '../training/lot-files.js';

const COSTS = { escape: 100, overkill: 1 };

const die = (score: number | undefined, passing: boolean, later?: 'pass' | 'fail'): JudgedDie => ({
  ...{ score, passing, later },
});

describe('what a screen would have done', () => {
  const dies = [
    die(5, true, 'fail'), // held back before it failed later
    die(3, true), // given up, nobody knows better
    die(1, true, 'fail'), // escapes
    die(undefined, true, 'fail'), // could not be judged: escapes
    die(0.5, true, 'pass'),
    die(9, false),
    die(0.1, false),
    die(undefined, false),
  ];

  it('counts what is given up and caught above the threshold, and costs what escapes and what is given up in vain', () => {
    expect(whatIf(dies, 2, COSTS)).toEqual({
      threshold: 2,
      ...{ givenUp: 2, passing: 4, caught: 1, failing: 2, escapesCaught: 1, escapes: 3 },
      cost: 2 * 100 + 1,
    });
    expect(whatIf(dies, 100, COSTS)).toMatchObject({ givenUp: 0, caught: 0, cost: 300 });
    expect(whatIf([], 1, COSTS)).toMatchObject({ givenUp: 0, passing: 0, cost: 0 });
  });

  it('takes thresholds at which no more than a share of the passing dies is given up', () => {
    const many = Array.from({ length: 1000 }, (_, i) => die(i, true));
    const given = thresholdsFor(many).map((threshold) => whatIf(many, threshold, COSTS).givenUp);
    expect(given).toEqual([1, 2, 5, 10, 20, 50]);
    expect(thresholdsFor([die(undefined, true), die(4, false)])).toEqual([]);
  });
});

/** Fails a part when the magnitude of test 10 is over 1. */
const MODEL = sumVersion(1, {
  input: { name: 'test_params', parameters: [{ name: 'IDD', testNumber: 10 }], missing: 'reject' },
});

async function floor() {
  const folder = await temporaryFolder();
  await fillRepository(folder, [MODEL]);
  const lot = await lotFile(
    Array.from({ length: 20 }, (_, i) => ({
      ...{ x: i, y: 0, failing: i === 0 },
      results: [ptr(10, i < 2 ? 3 : 0.01 * i, { testTxt: 'IDD' })],
    })),
  );
  const outcomes = join(folder, 'later.csv');
  await writeFile(
    outcomes,
    'lot_id,wafer_id,x,y,outcome\nLOT-1,W01,1,0,fail\nLOT-1,W01,2,0,fail\nLOT-1,W01,3,0,pass\n',
  );
  return { folder, lot, outcomes, model: join(folder, MODEL.manifest.name, MODEL.manifest.version) };
}

function run(args: readonly string[]) {
  return runCommand((streams) => whatIfCommand({ streams, workerEntry: WORKER }), args);
}

describe('diegate what-if', () => {
  it('judges past lots by each screen, with what became of the dies later, and draws it', async () => {
    const { folder, lot, outcomes, model } = await floor();
    const plot = join(folder, 'plot.svg');
    const args = [
      lot,
      '--screens',
      `${model},${model}`,
      '--outcomes',
      outcomes,
      '--escape-cost',
      '50',
      '--plot',
      plot,
    ];
    const { out } = await run(args);
    const own = out.split('\n').filter((line) => line.includes('own'));
    expect(own).toHaveLength(2);
    // Of 19 passing dies one is given up, which failed later; the other later fail escapes.
    expect(own[0]).toMatch(/own 1\.000\s+1 \(5\.3%\)\s+1 of 1\s+1 of 2\s+50$/);
    expect(out).toContain('3 of 3 outcomes are of dies of these lots');
    const svg = await readFile(plot, 'utf8');
    expect(svg).toContain('</svg>');
    expect(svg.match(/<polyline/g)?.length).toBe(4);
  });

  it('refuses outcomes that say neither pass nor fail or no place, naming file and row', async () => {
    const { folder, lot, model } = await floor();
    const bad = join(folder, 'bad.csv');
    await writeFile(bad, 'lot_id,wafer_id,x,y,outcome\nLOT-1,W01,1,0,maybe\n');
    const judged = (text?: string) => run([lot, '--screens', model, '--outcomes', text ?? bad]);
    expect((await problemsOf(judged()))[0]).toContain(`${bad}, row 1, outcome: `);
    await writeFile(bad, 'lot_id,wafer_id,x,y,outcome\nLOT-1,W01,one,0,fail\n');
    expect(await problemsOf(judged())).toEqual([
      `${bad}, row 1: found x "one", y "0", expected whole numbers`,
    ]);
    expect(await problemsOf(run([lot, '--screens', ',']))).toEqual([
      '--screens: expected model versions, by commas',
    ]);
  });
});
