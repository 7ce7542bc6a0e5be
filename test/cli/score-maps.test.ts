import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { scoreCommand } from '../../src/cli/score.js';
import { NO_DIE } from '../../src/mapfile/bin-map.js';
import { MAP_FORMATS, type MapFormatName } from '../../src/mapfile/map-formats.js';
import { STDF_FORMAT, simulateFiles } from '../../src/training/simulate-files.js';
import { fileOf, lot2Missing, mir, mrr, pir, prr, ptr, readAll } from '../stdf/support.js';
import { fillRepository, sumVersion, temporaryFolder } from '../support/models.js';
import { WORKER } from '../support/pool.js';
import { problemsOf, runCommand } from './support.js';

const score = (args: readonly string[]) =>
  runCommand((streams) => scoreCommand({ streams, workerEntry: WORKER }), args);

const LOT2 = fileURLToPath(new URL('../../../shared/data/lot2.stdf.gz', import.meta.url));

/** Fails a part when the magnitude of test 10 is over 1. */
const MODEL = sumVersion(1, {
  input: { name: 'test_params', parameters: [{ name: 'IDD', testNumber: 10 }], missing: 'reject' },
});

/** A good die, one that only the model fails, and one that the tester fails; 4 mm by 5 mm each. */
function lot(failBin = 16) {
  const part = (x: number, y: number, value: number, bin: number) => [
    pir(1, 0),
    ptr(10, value, { testTxt: 'IDD', units: 'A' }),
    prr(1, 0, {
      xCoord: x,
      yCoord: y,
      partFlg: bin === 1 ? 0 : 8,
      hardBin: bin,
      softBin: bin + 2,
      partId: `${x}/${y}`,
    }),
  ];
  return fileOf([
    mir,
    {
      type: 'Wcr',
      ...{
        wafrSiz: 20,
        dieHt: 0.5,
        dieWid: 0.4,
        wfUnits: 2,
        wfFlat: 'R',
        centerX: 0,
        centerY: 0,
        posX: 'R',
        posY: 'U',
      },
    },
    { type: 'Wir', headNum: 1, siteGrp: 255, startT: 1, waferId: 'W/1' },
    ...part(-1, 1, 0.5, 1),
    ...part(0, 1, 2, 1),
    ...part(0, 2, 0.5, failBin),
    { type: 'Wrr', headNum: 1, siteGrp: 255, finishT: 2, partCnt: 3, waferId: 'W/1' },
    mrr,
  ]);
}

async function floor(bytes: Uint8Array = lot()) {
  const folder = await temporaryFolder();
  await fillRepository(folder, [MODEL]);
  const file = join(folder, 'lot.stdf');
  await writeFile(file, bytes);
  const model = join(folder, MODEL.manifest.name, MODEL.manifest.version);
  return { args: [file, '--model', model], maps: join(folder, 'deep', 'maps') };
}

/** A model of one test, whatever it is called. */
async function floorOf(folder: string, testNumber: number) {
  const parameters = [{ name: 'any', testName: '', testNumber }];
  const version = sumVersion(1, { input: { name: 'test_params', parameters, missing: 'reject' } });
  await fillRepository(folder, [version]);
  return { args: ['--model', join(folder, version.manifest.name, version.manifest.version)] };
}

/** By wafer the hard bin of the last PRR of each die, as rows from the top and columns from the left: x to the right, y up. */
async function lastBinsOf(file: string): Promise<Map<string, number[]>> {
  const bytes = await readFile(file);
  const { records } = await readAll(file.endsWith('.gz') ? gunzipSync(bytes) : bytes);
  const wafers = new Map<string, Map<string, { x: number; y: number; bin: number }>>();
  let dies = new Map<string, { x: number; y: number; bin: number }>();
  for (const record of records) {
    if (record.type === 'Wcr') expect(record).toMatchObject({ posX: 'R', posY: 'U' });
    if (record.type === 'Wir') {
      dies = new Map();
      wafers.set(record.waferId ?? '', dies);
    }
    if (record.type !== 'Prr') continue;
    const { xCoord: x = 0, yCoord: y = 0, hardBin: bin } = record;
    dies.set(`${x},${y}`, { x, y, bin });
  }
  const binsOf = (wafer: typeof dies) =>
    [...wafer.values()].sort((a, b) => b.y - a.y || a.x - b.x).map(({ bin }) => bin);
  return new Map([...wafers].map(([wafer, of]) => [wafer, binsOf(of)]));
}

describe('diegate score --map', () => {
  it.each(Object.keys(MAP_FORMATS) as MapFormatName[])('writes a %s file a wafer', async (format) => {
    const { args, maps } = await floor();
    const asked = ['--map', format, '--map-out', maps, '--map-fail-bin', '99', '--map-reference', '-1,1'];
    const { out } = await score([...args, ...asked, '--json']);
    const name = `LOT-1_W_1${MAP_FORMATS[format].ending}`;
    expect(await readdir(maps)).toEqual([name]);
    expect(JSON.parse(out).mapFiles).toEqual([join(maps, name)]);
    const map = MAP_FORMATS[format].read(await readFile(join(maps, name), 'utf8'));
    expect(map).toMatchObject({
      ...{ lot: 'LOT-1', wafer: 'W/1', rows: 2, columns: 2, flat: 'right', step: { x: 4, y: 5 } },
      reference: { column: 0, row: 1 },
      bins: Int32Array.of(NO_DIE, 16, 1, 99),
      definitions: [
        { bin: 1, count: 1, quality: 'pass' },
        { bin: 16, count: 1, quality: 'fail' },
        { bin: 99, count: 1, quality: 'fail' },
      ],
    });
  });

  describe.each([
    ['simulated', 1001, undefined, undefined],
    ['real', 1000, LOT2, lot2Missing],
  ])('of a %s lot', (_, testNumber, given, absent) => {
    it.skipIf(absent).each(Object.keys(MAP_FORMATS) as MapFormatName[])(
      `has the bin of each die's last PRR in its place in a %s file${absent ? ` (${absent})` : ''}`,
      async (format) => {
        const folder = await temporaryFolder();
        const file = given ?? join(folder, 'lot.stdf');
        const shape = { seed: 3, lots: 1, wafersPerLot: 2, diesAcross: 9, defectRate: 20 };
        if (given === undefined) await simulateFiles({ ...shape, output: file, formats: STDF_FORMAT });
        const { args } = await floorOf(folder, testNumber);
        const maps = join(folder, 'maps');
        await score([file, ...args, '--map', format, '--map-out', maps]);
        const expected = await lastBinsOf(file);
        const found = await Promise.all(
          (await readdir(maps)).map(async (name) =>
            MAP_FORMATS[format].read(await readFile(join(maps, name), 'utf8')),
          ),
        );
        expect(found.map(({ wafer }) => wafer).sort()).toEqual([...expected.keys()].sort());
        for (const { wafer, bins } of found) {
          expect(
            [...bins].filter((bin) => bin !== NO_DIE),
            wafer,
          ).toEqual(expected.get(wafer));
        }
      },
    );
  });

  it("has the tester's bins alone without --map-fail-bin, soft ones by --map-bins", async () => {
    const { args, maps } = await floor();
    await score([...args, '--map', 'sinf', '--map-out', maps, '--map-bins', 'soft']);
    const map = MAP_FORMATS.sinf.read(await readFile(join(maps, 'LOT-1_W_1.sinf'), 'utf8'));
    expect([...map.bins]).toEqual([NO_DIE, 18, 3, 3]);
  });

  it('refuses a bin that the format cannot write, and a fail bin that is the tester’s too', async () => {
    const large = await floor(lot(300));
    expect(await problemsOf(score([...large.args, '--map', 'sinf', '--map-out', large.maps]))).toEqual([
      expect.stringContaining('hard bin 300 of wafer W/1 is over 252'),
    ]);
    const { args, maps } = await floor();
    const taken = score([...args, '--map', 'g85', '--map-out', maps, '--map-fail-bin', '16']);
    expect(await problemsOf(taken)).toEqual([expect.stringContaining('hard bin 16 too')]);
    await expect(readdir(maps)).rejects.toThrow('ENOENT');
  });

  it('says what is wrong with its options before any work', async () => {
    const { args } = await floor();
    const wrong = ['--map', 'klarf', '--map-bins', 'x', '--map-reference', '1'];
    expect(await problemsOf(score([...args, ...wrong]))).toEqual([
      '--map: found "klarf", expected sinf, g85, e142',
      '--map: needs --map-out, the folder to write the maps to',
      '--map-bins: found "x", expected hard or soft',
      '--map-reference: found "1", expected the coordinates X,Y of a die, such as 12,-4',
    ]);
    expect(await problemsOf(score([...args, '--map-fail-bin', '9']))).toEqual([
      '--map-fail-bin: needs --map, which says in which format',
    ]);
    expect(
      await problemsOf(
        score([...args, '--map', 'g85', '--map-out', args[0] ?? '', '--map-fail-bin', '70000']),
      ),
    ).toEqual(['--map-fail-bin: found "70000", expected a bin from 0 to 65533 (g85)']);
    expect(await problemsOf(score([...args, '--map', 'g85', '--map-out', args[0] ?? '']))).toEqual([
      expect.stringContaining('is no folder'),
    ]);
  });

  it('says that none was written where no die has coordinates', async () => {
    const { args, maps } = await floor(
      fileOf([mir, pir(1, 0), ptr(10, 1), prr(1, 0, { partId: '1', xCoord: -32768, yCoord: -32768 }), mrr]),
    );
    const { out } = await score([...args, '--map', 'e142', '--map-out', maps]);
    expect(out).toContain('no map file written: no die has coordinates');
  });
});
