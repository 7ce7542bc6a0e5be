import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scoreCommand } from '../../src/cli/score.js';
import { type BinnedDie, badNeighbourhoods, DEFAULT_RULES } from '../../src/screens/bins.js';
import { runCommand } from '../cli/support.js';
import { ptr } from '../stdf/support.js';
import { fillRepository, sumVersion } from '../support/models.js';
import { WORKER } from '../support/pool.js';
import { temporaryFolder } from '../training/fixtures.js';
import { lotFile } from '../training/lot-files.js';

/** A wafer as a picture: `.` passed, `X` failed, a blank is no die; y grows downwards. */
function wafer(...lines: readonly string[]): BinnedDie[] {
  return lines.flatMap((line, y) =>
    [...line].flatMap((mark, x) => (mark === ' ' ? [] : [{ x, y, passing: mark === '.' }])),
  );
}

function condemned(dies: readonly BinnedDie[], rules = DEFAULT_RULES): Record<string, readonly string[]> {
  return Object.fromEntries(
    badNeighbourhoods(dies, rules).map(({ die, reasons }) => [`${die.x},${die.y}`, reasons]),
  );
}

const ONLY_GDBN = { ...DEFAULT_RULES, clusterDies: 100, edgeFailingShare: 1 };
const ONLY_CLUSTERS = { ...DEFAULT_RULES, failingNeighbours: 9, edgeFailingShare: 1 };
const ONLY_RING = { ...DEFAULT_RULES, failingNeighbours: 9, clusterDies: 100 };

describe('bad neighbourhoods', () => {
  it('give up a good die with five failing neighbours of eight, and none with four', () => {
    const five = wafer('.....', '.XXX.', '.X.X.', '.....', '.....');
    expect(condemned(five, ONLY_GDBN)).toEqual({ '2,2': ['bad_neighbourhood'] });
    const four = wafer('.....', '.XXX.', '.X...', '.....', '.....');
    expect(condemned(four, ONLY_GDBN)).toEqual({});
  });

  it('count a place without a die as neither good nor bad', () => {
    expect(condemned(wafer('XX', 'X.'), ONLY_GDBN)).toEqual({});
    expect(condemned(wafer('XX', 'X.'), { ...ONLY_GDBN, failingNeighbours: 3 })).toEqual({
      '1,1': ['bad_neighbourhood'],
    });
  });

  it('give up what touches a cluster of fails, corners too, and not what touches a smaller one', () => {
    const diagonal = wafer('X......', '.X.....', '..X....', '......X', '.......');
    expect(Object.keys(condemned(diagonal, { ...ONLY_CLUSTERS, clusterDies: 3 })).sort()).toEqual(
      ['1,0', '2,0', '0,1', '2,1', '3,1', '0,2', '1,2', '3,2', '1,3', '2,3', '3,3'].sort(),
    );
    expect(condemned(diagonal, { ...ONLY_CLUSTERS, clusterDies: 4 })).toEqual({});
  });

  it('give up the ring of outermost dies where most of them failed', () => {
    const ring = wafer(' XXX ', 'X...X', 'X...X', '.....', ' X.X ');
    // Outermost: 14 dies, of which 9 failed.
    expect(condemned(ring, ONLY_RING)).toEqual({
      '0,3': ['edge_ring'],
      '4,3': ['edge_ring'],
      '2,4': ['edge_ring'],
    });
    expect(condemned(ring, { ...ONLY_RING, edgeFailingShare: 0.8 })).toEqual({});
  });

  it('take the last of two dies at one place, and say all reasons', () => {
    const twice = [...wafer('XXX', 'X.X', 'XXX'), { x: 0, y: 0, passing: true }];
    expect(condemned(twice, { failingNeighbours: 5, clusterDies: 7, edgeFailingShare: 0.5 })).toEqual({
      '0,0': ['cluster', 'edge_ring'],
      '1,1': ['bad_neighbourhood', 'cluster'],
    });
  });

  it('say nothing of no dies, of one die and of a die far outside', () => {
    expect(badNeighbourhoods([])).toEqual([]);
    expect(badNeighbourhoods(wafer('.'))).toEqual([]);
    expect(condemned([...wafer('...', '...', '...'), { x: 32767, y: -32768, passing: true }])).toEqual({});
  });
});

/** Fails a part when the magnitude of test 10 is over 1: here none. */
const MODEL = sumVersion(1, {
  input: { name: 'test_params', parameters: [{ name: 'IDD', testNumber: 10 }], missing: 'reject' },
});

async function scored(dies: readonly BinnedDie[], ...options: readonly string[]) {
  const folder = await temporaryFolder();
  await fillRepository(folder, [MODEL]);
  const lot = await lotFile(
    dies.map(({ x, y, passing }) => ({
      x,
      y,
      failing: !passing,
      results: [ptr(10, 0.5, { testTxt: 'IDD' })],
    })),
  );
  const model = join(folder, MODEL.manifest.name, MODEL.manifest.version);
  const args = [lot, '--model', model, '--report', join(folder, 'r.html'), ...options];
  const { out } = await runCommand((streams) => scoreCommand({ streams, workerEntry: WORKER }), args);
  return { out, report: await readFile(join(folder, 'r.html'), 'utf8') };
}

describe('bad neighbourhoods of a scored lot', () => {
  const holed = wafer('.....', '.XXX.', '.X.X.', '.XXX.', '.....');

  it('are in the summary, in its JSON and in the report', async () => {
    const { out, report } = await scored(holed);
    expect(out).toContain(
      '17 dies that the tester passed lie in bad neighbourhoods: 1 most neighbours failed (GDBN); 17 beside a cluster of fails',
    );
    expect(report).toContain('Passing dies in bad neighbourhoods');
    const { out: json } = await scored(holed, '--json');
    expect(json).toContain('"x":2,"y":2,"reasons":["bad_neighbourhood","cluster"]');
  });

  it('are none where all places are the same', async () => {
    const { out } = await scored(holed.map((die) => ({ ...die, x: 0, y: 0 })));
    expect(out).not.toContain('bad neighbourhoods');
  });
});
