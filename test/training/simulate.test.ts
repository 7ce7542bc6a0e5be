import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { simulateCommand } from '../../src/cli/simulate.js';
import { DEFECT_MODES, SUBTLE_MODES } from '../../src/training/simulator/catalogue.js';
import { DEFAULT_SIMULATION, type SimulatedDie, simulateLots } from '../../src/training/simulator/lot.js';
import { lotsAsCsv } from '../../src/training/simulator/lot-csv.js';
import { createProduct } from '../../src/training/simulator/product.js';
import { readParameterTable } from '../../src/training/table/parameter-table.js';
import { readDieTable } from '../../src/training/table/read-die-table.js';
import { Collector } from '../support/collector.js';
import { problemsOf, temporaryFolder } from './fixtures.js';

const product = createProduct();

function diesOf(options: Partial<typeof DEFAULT_SIMULATION>): SimulatedDie[] {
  const lots = [...simulateLots(product, { ...DEFAULT_SIMULATION, ...options })];
  return lots.flatMap(({ wafers }) => [...wafers].flatMap(({ dies }) => dies));
}

async function run(...args: string[]): Promise<string> {
  const stdout = new Collector();
  const stderr = new Collector();
  await simulateCommand({}, { stdout, stderr }).parseAsync(args, { from: 'user' });
  return stdout.text;
}

describe('a simulated lot', () => {
  it('is the same, bit for bit, whatever machine and Node version', () => {
    const hash = createHash('sha256');
    const lots = simulateLots(product, { ...DEFAULT_SIMULATION, wafersPerLot: 4, diesAcross: 9 });
    for (const piece of lotsAsCsv(product, lots)) hash.update(piece);
    expect(hash.digest('hex')).toMatchInlineSnapshot(
      `"bbe1bbe9d0f2fe40e16b29ffd8a93a5facd13d3963080feba822e5fc06353f7d"`,
    );
  });

  it('differs from the lot of another seed', () => {
    const [a] = diesOf({ wafersPerLot: 1, diesAcross: 5 });
    const [b] = diesOf({ wafersPerLot: 1, diesAcross: 5, seed: 2 });
    expect(a?.measurement).not.toEqual(b?.measurement);
  });

  it('has 512 parameters with their own names, test numbers, units and limits', () => {
    expect(product.parameters).toHaveLength(512);
    expect(new Set(product.parameters.map(({ name }) => name)).size).toBe(512);
    expect(new Set(product.parameters.map(({ testNumber }) => testNumber)).size).toBe(512);
    for (const { lowLimit, nominal, highLimit, unit } of product.parameters) {
      expect(lowLimit).toBeLessThan(nominal);
      expect(nominal).toBeLessThan(highLimit);
      expect(unit).not.toBe('');
    }
  });

  it('prints values as a tester does, and they survive float32 as printed', () => {
    for (const { measurement } of diesOf({ wafersPerLot: 1, diesAcross: 5 })) {
      for (const value of measurement) {
        const digits = value.toExponential().split('e')[0]?.replace(/[-.]/g, '') ?? '';
        expect(digits.length).toBeLessThanOrEqual(8);
        expect(Number(Math.fround(value).toPrecision(6))).toBeCloseTo(value, 5);
      }
    }
  });

  it('has good dies inside their limits, and too many defective ones for limits alone to do', () => {
    const dies = diesOf({ wafersPerLot: 20, diesAcross: 9 });
    const outside = ({ measurement }: SimulatedDie) =>
      product.parameters.some(
        ({ lowLimit, highLimit }, p) => measurement[p] < lowLimit || measurement[p] > highLimit,
      );
    const good = dies.filter(({ defect }) => defect === undefined);
    const defective = dies.filter(({ defect }) => defect !== undefined);
    expect(good.filter(outside).length / good.length).toBeLessThan(0.01);
    expect(defective.filter(outside).length / defective.length).toBeLessThan(0.7);
  });

  it('has every defect mode, in plausible numbers, and bins that say so', () => {
    const dies = diesOf({ wafersPerLot: 40, diesAcross: 9 });
    const modes = new Set(dies.flatMap(({ defect }) => (defect === undefined ? [] : [defect])));
    expect([...modes].sort()).toEqual([...DEFECT_MODES].sort());
    const share = dies.filter(({ defect }) => defect !== undefined).length / dies.length;
    expect(share).toBeGreaterThan(0.03);
    expect(share).toBeLessThan(0.25);
    for (const { defect, hardBin, softBin } of dies) {
      expect(hardBin === 1 && softBin === 1).toBe(defect === undefined);
    }
  });

  it('puts edge rings at the edge and centre defects in the centre', () => {
    const radius = ({ x, y }: SimulatedDie) => Math.hypot(2 * x - 14, 2 * y - 14) / 13;
    const dies = diesOf({ wafersPerLot: 30 });
    for (const die of dies) {
      if (die.defect === 'edge-ring') expect(radius(die)).toBeGreaterThan(0.8);
      if (die.defect === 'centre') expect(radius(die)).toBeLessThan(0.45);
    }
  });

  it('has faults that most tests do not show, where they are asked for, and all else as without', () => {
    const shape = { wafersPerLot: 20, diesAcross: 9 };
    const [plain, subtle] = [diesOf(shape), diesOf({ ...shape, subtleShare: 0.2 })];
    const counts = new Map<string, number>();
    subtle.forEach(({ defect, measurement }, i) => {
      const before = plain[i];
      const moved = measurement.filter((value, p) => value !== before?.measurement[p]).length;
      const added = SUBTLE_MODES.find((mode) => mode === defect);
      expect(moved).toBe(added === undefined ? 0 : added === 'shift-five' ? 5 : 1);
      if (added === undefined) expect(defect).toBe(before?.defect);
      else counts.set(added, (counts.get(added) ?? 0) + 1);
    });
    expect([...counts.keys()].sort()).toEqual([...SUBTLE_MODES].sort());
    expect(Math.min(...counts.values())).toBeGreaterThan(20);
  });

  it('has no defects at rate 0', () => {
    expect(diesOf({ wafersPerLot: 5, diesAcross: 9, defectRate: 0 }).filter((die) => die.defect)).toEqual([]);
  });
});

describe('diegate simulate', () => {
  it('writes a CSV that the trainer reads, packed if the name says so, and a parameter table', async () => {
    const folder = await temporaryFolder();
    const common = ['--wafers', '2', '--across', '7', '--seed', '3'];
    await run('-o', join(folder, 'lot.csv'), ...common);
    const json = await run(
      '-o',
      join(folder, 'lot.csv.gz'),
      '--parameter-table',
      join(folder, 'p.csv'),
      '--json',
      ...common,
    );
    const plain = await readDieTable([join(folder, 'lot.csv')]);
    const packed = await readDieTable([join(folder, 'lot.csv.gz')]);
    expect(packed.values).toEqual(plain.values);
    expect(packed.sources[0]?.sha256).toBe(plain.sources[0]?.sha256);
    expect(plain.parameters).toEqual(product.parameters.map(({ name }) => name));
    expect(plain.ignoredColumns).toEqual([]);
    expect(JSON.parse(json)).toMatchObject({ seed: 3, wafers: 2, dies: plain.dies });
    const facts = await readParameterTable(join(folder, 'p.csv'));
    expect(facts.get('VTN_01')).toMatchObject({ unit: 'V', testNumber: 1001 });
  });

  it('names every option that is wrong, and what was expected', async () => {
    const problems = await problemsOf(() =>
      run('-o', 'x.csv', '--lots', '0', '--seed', 'abc', '--defect-rate', '-1'),
    );
    expect(problems).toEqual([
      expect.stringContaining('--seed: found "abc"'),
      expect.stringContaining('--lots: found "0"'),
      expect.stringContaining('--defect-rate: found "-1"'),
    ]);
  });

  it('refuses an output it has no format for', async () => {
    expect(await problemsOf(() => run('-o', 'lot.xlsx'))).toEqual([expect.stringContaining('lot.xlsx')]);
  });

  it('tells why an output cannot be written', async () => {
    const problems = await problemsOf(() => run('-o', '/dev/null/lot.csv', '--wafers', '1', '--across', '5'));
    expect(problems).toEqual([expect.stringContaining('--output /dev/null/lot.csv: ')]);
  });
});
