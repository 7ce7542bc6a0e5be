import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { limitsCommand } from '../../src/cli/limits.js';
import { isBeyond, patLimits } from '../../src/screens/limits.js';
import { createRandom } from '../../src/training/random.js';
import { runCommand } from '../cli/support.js';
import { problemsOf, temporaryFolder } from '../training/fixtures.js';
import { correlatedParts, lotFile } from '../training/lot-files.js';

const sorted = (values: readonly number[]) => Float64Array.from(values).sort();

function drawn(count: number, value: (random: ReturnType<typeof createRandom>) => number): Float64Array {
  const random = createRandom(`limits ${count}`);
  return sorted(Array.from({ length: count }, () => value(random)));
}

describe('part average limits', () => {
  it('are median ± k quartile distances over 1.35 of a symmetric test, as AEC-Q001 has them', () => {
    // 0, 1, ... 100: median 50, quartiles 25 and 75, sigma 50 / 1.35.
    const limits = patLimits(sorted(Array.from({ length: 101 }, (_, i) => i)), 6);
    expect(limits).toMatchObject({ shape: 'symmetric', values: 101, median: 50 });
    expect(limits.sigma).toBeCloseTo(37.037, 3);
    expect(limits.low).toBeCloseTo(50 - 6 * 37.037, 2);
    expect(limits.high).toBeCloseTo(50 + 6 * 37.037, 2);
  });

  it('are not moved by outliers', () => {
    const clean = drawn(1000, (random) => random.normal());
    const spoilt = Float64Array.from(clean, (value, i) => (i >= 990 ? 1e6 : value));
    const [a, b] = [patLimits(clean, 6), patLimits(spoilt, 6)];
    expect(Math.abs((a.high ?? 0) - (b.high ?? 0))).toBeLessThan(0.3);
    expect(isBeyond(1e6, b)).toBe(true);
  });

  it('give each side of a skewed test its own sigma: the tail of a lognormal leakage is no outlier', () => {
    const leakage = drawn(4000, (random) => Math.exp(0.6 * random.normal()));
    const { shape, low, high, median, sigma } = patLimits(leakage, 6);
    expect(shape).toBe('skewed');
    expect(leakage.filter((value) => isBeyond(value, { low, high })).length).toBeLessThan(
      leakage.filter((value) => isBeyond(value, { low: median - 6 * sigma, high: median + 6 * sigma }))
        .length,
    );
  });

  it('of two groups with nothing between them are those of the outer groups', () => {
    const modes = drawn(1000, (random) => (random.chance(0.4) ? 10 : 20) + 0.1 * random.normal());
    const { shape, low = 0, high = 0 } = patLimits(modes, 6);
    expect(shape).toBe('modes');
    expect(low).toBeGreaterThan(9);
    expect(low).toBeLessThan(9.8);
    expect(high).toBeGreaterThan(20.2);
    expect(high).toBeLessThan(21);
  });

  it('end where many values end together', () => {
    const clamped = drawn(1000, (random) => Math.max(0, random.normal() + 0.8));
    expect(patLimits(clamped, 6)).toMatchObject({ shape: 'bounded', low: 0 });
  });

  it('of a code are the codes that good dies have; of a rounded number they are no narrower than its levels', () => {
    const code = drawn(1000, (random) => [1, 8, 10, 14][random.below(4)] ?? 0);
    expect(patLimits(code, 6)).toMatchObject({ shape: 'discrete', low: 1, high: 14 });
    const coarse = drawn(1000, (random) => Math.round(random.normal()));
    const { shape, low = 0, high = 0 } = patLimits(coarse, 6);
    expect(shape).toBe('coarse');
    expect(low).toBeLessThanOrEqual(-4);
    expect(high).toBeGreaterThanOrEqual(4);
  });

  it('are none of fewer than 30 values, and no value that is missing is beyond them', () => {
    expect(patLimits(sorted([1, 2, 3]), 6)).toMatchObject({ shape: 'few', low: undefined, high: undefined });
    expect(patLimits(new Float64Array(0), 6)).toMatchObject({ shape: 'few', values: 0 });
    expect(isBeyond(Number.NaN, { low: 0, high: 1 })).toBe(false);
    expect(isBeyond(5, { low: undefined, high: undefined })).toBe(false);
  });
});

describe('diegate limits', () => {
  it('writes the limits of each test, the program\u2019s own beside them, and the yield that they cost', async () => {
    const out = join(await temporaryFolder(), 'limits.csv');
    const lot = await lotFile(correlatedParts(200, 3));
    const { out: said } = await runCommand(
      (streams) => limitsCommand({ streams }),
      [lot, '--out', out, '--k', '1.5'],
    );
    const [header = '', ...lines] = (await readFile(out, 'utf8')).trim().split('\r\n');
    expect(lines).toHaveLength(3);
    const [first = ''] = lines;
    const row = new Map(header.split(',').map((name, i) => [name, first.split(',')[i] ?? '']));
    expect(row.get('group')).toBe('all');
    expect([row.get('test_number'), row.get('values'), row.get('unit')]).toEqual(['100', '180', 'V']);
    expect(Number(row.get('beyond')) / 180).toBeCloseTo(Number(row.get('yield_cost')), 5);
    expect(Number(row.get('beyond'))).toBeGreaterThan(0);
    expect(Number(row.get('program_high'))).toBeCloseTo(20.5, 5);
    expect(said).toContain('of 180 passing dies are beyond the limits of a test');
  });

  it('sets them anew for each wafer, and refuses an output that is an input', async () => {
    const out = join(await temporaryFolder(), 'limits.csv');
    const lots = [
      await lotFile(correlatedParts(80, 2), 'a.stdf', 'A'),
      await lotFile(correlatedParts(90, 2), 'b.stdf', 'B'),
    ];
    const command = (args: readonly string[]) => runCommand((streams) => limitsCommand({ streams }), args);
    const { out: json } = await command([...lots, '--by', 'wafer', '--out', out, '--json']);
    expect(json).toContain('"name":"A|W01","passing":72');
    expect(json).toContain('"name":"B|W01","passing":81');
    const [first = ''] = lots;
    expect(await problemsOf(() => command([first, '--out', first]))).toEqual([
      `--out: ${first} is the input ${first} too, expected a file of its own`,
    ]);
    expect(await problemsOf(() => command([first, '--out', out, '--k', '0']))).toEqual([
      '--k: found "0", expected a number from 1 to 100',
    ]);
  });
});
