import { describe, expect, test } from 'vitest';
import { NO_DIE, UNTESTED } from '../../src/mapfile/bin-map.js';
import { type BinMapOptions, binsOfWafer } from '../../src/mapfile/bins-of-wafer.js';
import { failing, flagged, mapDie, missed, waferMap } from '../wafermap/maps.js';

const OPTIONS: BinMapOptions = {
  product: 'P',
  bins: 'hard',
  binNames: new Map([[8, 'leak']]),
  step: undefined,
  diameterMm: undefined,
  reference: undefined,
  modelFails: undefined,
};

describe('the bins of a wafer', () => {
  test('are laid out as the wafer is seen, whichever way the tester counts', () => {
    const dies = [mapDie(5, 1), mapDie(6, 2, failing)];
    const rows = (changes: object) => {
      const { bins, columns } = binsOfWafer(waferMap(dies, changes), OPTIONS);
      return [bins.slice(0, columns), bins.slice(columns)].map((row) => [...row]);
    };
    expect(rows({})).toEqual([
      [1, NO_DIE],
      [NO_DIE, 8],
    ]);
    expect(rows({ yGrowsUp: true })).toEqual([
      [NO_DIE, 8],
      [1, NO_DIE],
    ]);
    expect(rows({ xGrowsLeft: true })).toEqual([
      [NO_DIE, 1],
      [8, NO_DIE],
    ]);
  });

  test("a die that the model alone fails gets the model's bin, one that the tester fails keeps the tester's", () => {
    const dies = [mapDie(0, 0), mapDie(1, 0, flagged), mapDie(2, 0, failing), mapDie(3, 0, missed)];
    const map = binsOfWafer(waferMap(dies), {
      ...OPTIONS,
      modelFails: { bin: 99, description: 'failed by m/1' },
    });
    expect([...map.bins]).toEqual([1, 99, 8, 8]);
    expect(map.definitions).toEqual([
      { bin: 1, count: 1, quality: 'pass', description: '' },
      { bin: 8, count: 2, quality: 'fail', description: 'leak' },
      { bin: 99, count: 1, quality: 'fail', description: 'failed by m/1' },
    ]);
  });

  test('a bin in which one die failed is a bin to leave, one without a verdict is unknown', () => {
    const dies = [
      mapDie(0, 0),
      mapDie(1, 0, { ...failing, hardBin: 1 }),
      mapDie(2, 0, { hardBin: 3, testerVerdict: undefined }),
    ];
    const { definitions } = binsOfWafer(waferMap(dies), OPTIONS);
    expect(definitions.map(({ quality }) => quality)).toEqual(['fail', 'unknown']);
  });

  test('a die without a bin is untested', () => {
    const { bins } = binsOfWafer(waferMap([mapDie(0, 0, { hardBin: undefined })]), OPTIONS);
    expect([...bins]).toEqual([UNTESTED]);
  });

  test('soft bins where asked for', () => {
    const map = binsOfWafer(waferMap([mapDie(0, 0, { softBin: 17 })]), { ...OPTIONS, bins: 'soft' });
    expect([...map.bins]).toEqual([17]);
  });

  test('a reference die outside of the tested dies widens the map to hold it', () => {
    const map = binsOfWafer(waferMap([mapDie(5, 5)]), { ...OPTIONS, reference: { x: 3, y: 6 } });
    expect(map).toMatchObject({ rows: 2, columns: 3, reference: { column: 0, row: 1 } });
    expect([...map.bins]).toEqual([NO_DIE, NO_DIE, 1, NO_DIE, NO_DIE, NO_DIE]);
  });
});
