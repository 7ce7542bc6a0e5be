import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { simulateCommand } from '../../src/cli/simulate.js';
import {
  assembleParts,
  type Lot,
  type Part,
  type ReadReport,
  readStdf,
  type StdfRecord,
  writeStdf,
} from '../../src/stdf/stdf.js';
import { readLots } from '../../src/training/lots/read-lots.js';
import { DEFAULT_SIMULATION, simulateLots } from '../../src/training/simulator/lot.js';
import { lotAsStdf } from '../../src/training/simulator/lot-stdf.js';
import { createProduct } from '../../src/training/simulator/product.js';
import { collect, streamOf } from '../stdf/support.js';
import { Collector } from '../support/collector.js';
import { temporaryFolder } from './fixtures.js';

const OPTIONS = { ...DEFAULT_SIMULATION, seed: 3, wafersPerLot: 2, diesAcross: 7, defectRate: 4 };
const product = createProduct();
const wafers = [...simulateLots(product, OPTIONS)].flatMap((lot) => [...lot.wafers]);
const dies = wafers.flatMap((wafer) => wafer.dies);

async function run(...args: string[]): Promise<string> {
  const stdout = new Collector();
  await simulateCommand(undefined, { stdout, stderr: new Collector() }).parseAsync(args, { from: 'user' });
  return stdout.text;
}

describe('a simulated lot as STDF', () => {
  let bytes: Buffer;
  let records: StdfRecord[];
  let parts: Part[];
  let lot: Lot;
  let report: ReadReport;

  beforeAll(async () => {
    bytes = Buffer.concat(await collect(lotAsStdf(product, simulateLots(product, OPTIONS))));
    const reader = readStdf(streamOf(bytes));
    records = await collect(reader);
    report = reader.report();
    const stream = assembleParts(streamOf(bytes));
    parts = await collect(stream);
    const [first] = stream.lots();
    if (first === undefined) throw new Error('no lot');
    lot = first;
  });

  it('is a whole file in the order of the standard', () => {
    expect(report).toMatchObject({ intact: true, byteOrder: 'little', unknown: [] });
    const order = records.map(({ type }) => type).filter((type, i, all) => type !== all[i - 1]);
    expect(order.slice(0, 8)).toEqual(['Far', 'Mir', 'Sdr', 'Wcr', 'Wir', 'Pir', 'Ptr', 'Prr']);
    expect(order.slice(-7)).toEqual(['Prr', 'Wrr', 'Tsr', 'Hbr', 'Sbr', 'Pcr', 'Mrr']);
    expect(report.counts).toMatchObject({ Wir: 2, Wrr: 2, Prr: dies.length, Ptr: 512 * dies.length });
  });

  it('reads back as the dies that were simulated, value for value', () => {
    expect(parts).toHaveLength(dies.length);
    parts.forEach((part, i) => {
      const die = dies[i];
      expect(part).toMatchObject({
        ...{ partId: die?.dieId, x: die?.x, y: die?.y, hardBin: die?.hardBin, softBin: die?.softBin },
        ...{ verdict: die?.defect === undefined ? 'pass' : 'fail', end: 'ended', retestFlag: undefined },
      });
      expect([...part.results.values]).toEqual([...(die?.measurement ?? [])].map(Math.fround));
      expect([...part.results].every(({ usable }) => usable)).toBe(true);
    });
    expect(lot.wafers.map(({ waferId }) => waferId)).toEqual(wafers.map(({ waferId }) => waferId));
  });

  it('states limits and units in the first record of a test only, and they hold for all', () => {
    const ptrs = records.filter((record) => record.type === 'Ptr');
    expect(ptrs.slice(0, 512).every(({ units }) => units !== undefined)).toBe(true);
    expect(ptrs.slice(512).every(({ testTxt, units }) => testTxt === undefined && units === undefined)).toBe(
      true,
    );
    lot.tests.forEach((test, t) => {
      const parameter = product.parameters[t];
      expect(test).toMatchObject({
        testNum: parameter?.testNumber,
        testTxt: parameter?.name,
        display: { units: parameter?.unit },
        limits: {
          lo: Math.fround(parameter?.lowLimit ?? 0),
          hi: Math.fround(parameter?.highLimit ?? 0),
          loSpec: undefined,
          hiSpec: undefined,
        },
      });
    });
  });

  it('fails a test by its limits, whatever the die: nothing but the bins tells of the defect', () => {
    const results = parts.flatMap((part) => [...part.results]);
    for (const { verdict, value, limits } of results) {
      const outside = value < (limits.lo ?? 0) || value > (limits.hi ?? 0);
      if (outside !== (verdict === 'fail')) expect.fail(`${value} is ${verdict}`);
    }
    const texts = records.map((record) => ('testTxt' in record ? (record.testTxt ?? '') : ''));
    expect(texts.filter((text) => /edge|centre|scratch|cluster|random|tester/.test(text))).toEqual([]);
  });

  it('names the tester of a wafer by its site', () => {
    const sites = wafers.flatMap(({ equipmentId, dies: tested }) =>
      tested.map(() => `T0${equipmentId.at(-1)}`),
    );
    expect(parts.map(({ siteNum }) => `T0${siteNum}`)).toEqual(sites);
    expect(lot.sdrs[0]).toMatchObject({ siteNum: [1, 2, 3, 4] });
    expect(lot.mir).toMatchObject({ nodeNam: 'diegate-simulator', lotId: 'S3L01' });
  });

  it('agrees with its own summaries', () => {
    const failing = dies.filter(({ defect }) => defect !== undefined).length;
    expect(failing).toBeGreaterThan(0);
    expect(lot.pcrs).toEqual([
      expect.objectContaining({ headNum: 255, partCnt: dies.length, goodCnt: dies.length - failing }),
    ]);
    expect(lot.hardBins.length).toBe(2);
    for (const bin of [...lot.hardBins, ...lot.softBins]) expect(bin.recordCount).toBe(bin.parts);
    expect(lot.softBins.find(({ bin }) => bin === 1)?.name).toBe('good');
    expect(lot.wafers.map(({ wrr }) => wrr?.partCnt)).toEqual(wafers.map((wafer) => wafer.dies.length));
    const all = parts.map((part) => [...part.results]);
    lot.tsrs.forEach((tsr, t) => {
      const results = all.map((results) => results[t]).filter((result) => result !== undefined);
      const values = results.map(({ value }) => value);
      expect(tsr).toMatchObject({
        execCnt: dies.length,
        failCnt: results.filter(({ verdict }) => verdict === 'fail').length,
        testMin: Math.min(...values),
        testMax: Math.max(...values),
      });
    });
  });

  it('is written again as the same bytes', async () => {
    const again = Buffer.concat(await collect(writeStdf(records)));
    expect(again.equals(bytes)).toBe(true);
  });
});

describe('diegate simulate', () => {
  const common = ['--wafers', '1', '--across', '5', '--seed', '3'];

  it('writes a lot that the trainer reads, packed if the name says so', async () => {
    const folder = await temporaryFolder();
    await run('-o', join(folder, 'lot.stdf'), ...common);
    await run('-o', join(folder, 'lot.stdf.gz'), ...common);
    const packed = await readFile(join(folder, 'lot.stdf.gz'));
    expect(gunzipSync(packed).equals(await readFile(join(folder, 'lot.stdf')))).toBe(true);
    const { table, tests } = await readLots([join(folder, 'lot.stdf.gz')]);
    expect(table.dies).toBe(21);
    expect(tests[0]?.facts).toMatchObject({ name: '1001 VTN_01', unit: 'V', testNumber: 1001 });
  });

  it('writes one lot a file: several lots have their ids before the ending', async () => {
    const folder = await temporaryFolder();
    const printed = await run('-o', join(folder, 'lots.stdf.gz'), '--lots', '3', '--json', ...common);
    const names = ['lots-S3L01.stdf.gz', 'lots-S3L02.stdf.gz', 'lots-S3L03.stdf.gz'];
    expect((await readdir(folder)).sort()).toEqual(names);
    const { files, dies: total } = JSON.parse(printed);
    expect(files.map((file: string) => basename(file))).toEqual(names);
    expect(total).toBe(63);
    const ids = await Promise.all(
      names.map(async (name) => {
        const stream = assembleParts(createReadStream(join(folder, name)));
        expect(await collect(stream)).toHaveLength(21);
        return stream.lots()[0]?.mir?.lotId;
      }),
    );
    expect(ids).toEqual(['S3L01', 'S3L02', 'S3L03']);
  });
});
