import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClusteredDies } from '../../src/traffic/clusters.js';
import { compareVersions } from '../../src/traffic/experiment.js';
import { ExperimentRulesSchema } from '../../src/traffic/rules.js';
import { VersionAccount } from '../../src/traffic/version-account.js';
import { randomOf } from './support.js';

const random = randomOf('clusters');

/** Wafers of 500 dies, each with a fail rate of its own around 5%. */
function wafers(count: number, spread: number, tell: (unit: string, fails: boolean) => void): void {
  for (let wafer = 0; wafer < count; wafer++) {
    const unit = `W${random.below(2 ** 31)}`;
    const failRate = Math.max(0, 0.05 + spread * random.normal());
    for (let die = 0; die < 500; die++) tell(unit, random.chance(failRate));
  }
}

function effectOfWafers(count: number, spread: number): number {
  const dies = new ClusteredDies();
  wafers(count, spread, (unit, fails) => dies.record(unit, fails));
  return dies.spread().effect;
}

describe('the spread between wafers', () => {
  test('has an effect near 1 where wafers are alike', () => {
    const effects = Array.from({ length: 30 }, () => effectOfWafers(200, 0));
    expect(Math.max(...effects)).toBeLessThan(1.8);
  });

  test('has the effect that theory says where they differ: 1 + 499 · 0.02² / (0.05 · 0.95)', () => {
    const effects = Array.from({ length: 40 }, () => effectOfWafers(200, 0.02));
    const mean = effects.reduce((sum, effect) => sum + effect, 0) / effects.length;
    expect(mean).toBeGreaterThan(0.85 * 5.2);
    expect(mean).toBeLessThan(1.15 * 5.2);
  });

  test('is not told of by one wafer, nor where no die fails or all do', () => {
    const dies = new ClusteredDies();
    expect(dies.spread()).toEqual({ clusters: 0, showing: 0, diesACluster: 0, effect: 1 });
    for (let i = 0; i < 100; i++) dies.record('W1', i < 50);
    expect(dies.spread()).toEqual({ clusters: 1, showing: 1, diesACluster: 100, effect: 1 });
    const perfect = new ClusteredDies();
    for (let i = 0; i < 3; i++) perfect.record(`wafer ${i}`, false);
    expect(perfect.spread()).toEqual({ clusters: 3, showing: 0, diesACluster: 1, effect: 1 });
  });

  test('of dies without a decision is told of apart: all errors on one of three wafers', () => {
    const dies = new ClusteredDies();
    for (let die = 0; die < 100; die++) {
      dies.record('W1', false);
      dies.record('W2', false);
      dies.recordError('W3');
    }
    const { clusters, effect, showing } = dies.errorSpread();
    expect({ clusters, showing }).toEqual({ clusters: 3, showing: 1 });
    // 3/2 · (2 · (100/3)² + (200/3)²) / (300 · 1/3 · 2/3)
    expect(effect).toBeCloseTo(150, 9);
    expect(dies.spread()).toMatchObject({ clusters: 2, effect: 1, showing: 0 });
  });

  test('of two accounts merged is that of all dies, and so is how many wafers there were', () => {
    const dies = fc.array(fc.tuple(fc.string({ minLength: 1, maxLength: 4 }), fc.boolean()), {
      maxLength: 80,
    });
    const accountOf = (all: readonly (readonly [string, boolean])[]) => {
      const account = new ClusteredDies();
      for (const [unit, fails] of all) account.record(unit, fails);
      return account;
    };
    fc.assert(
      fc.property(dies, dies, (some, others) => {
        const merged = accountOf(some);
        merged.merge(accountOf(others));
        const whole = accountOf([...some, ...others]);
        expect(merged.spread()).toEqual(whole.spread());
        expect(merged.units).toBe(whole.units);
      }),
    );
  });
});

test.each([1, 3, 25, 400, 2000])('%i wafers are counted within 5%', (count) => {
  const dies = new ClusteredDies();
  for (let i = 0; i < count; i++) for (let die = 0; die < 3; die++) dies.record(`LOT-${i % 7}-W${i}`, false);
  expect(Math.abs(dies.units - count)).toBeLessThanOrEqual(0.05 * count);
});

/** How many of 200 pairs of equal versions with so many wafers are judged to differ. */
function judged(baselineWafers: number, candidateWafers: number) {
  const rules = ExperimentRulesSchema.parse({});
  const found = { rolledBack: 0, promoted: 0, significant: 0, tested: 0 };
  for (let i = 0; i < 200; i++) {
    const [baseline, candidate] = [new VersionAccount('1'), new VersionAccount('2')];
    const tell = (account: VersionAccount) => (unit: string, fails: boolean) =>
      account.recordDie(0.5, fails ? 'fail' : 'pass', 2, unit, account.dies * 5_000);
    wafers(baselineWafers, 0.04, tell(baseline));
    wafers(candidateWafers, 0.04, tell(candidate));
    const { recommendation, p_value: p } = compareVersions({ baseline, candidate, rules });
    if (recommendation === 'roll_back') found.rolledBack++;
    if (recommendation === 'promote') found.promoted++;
    if (p !== null) found.tested++;
    if (p !== null && p < 0.05) found.significant++;
  }
  return found;
}

describe('wafers that differ do not make a version look worse: of 200 equal pairs', () => {
  test('with one wafer of either none is judged at all', () => {
    expect(judged(1, 1)).toEqual({ rolledBack: 0, promoted: 0, significant: 0, tested: 0 });
    expect(judged(20, 1)).toEqual({ rolledBack: 0, promoted: 0, significant: 0, tested: 0 });
  });

  test.each([
    [2, 2],
    [9, 2],
    [27, 3],
  ])('with %i and %i wafers at most one in twenty is', (baseline, candidate) => {
    const { rolledBack, promoted, significant } = judged(baseline, candidate);
    expect(rolledBack).toBeLessThanOrEqual(10);
    expect(promoted).toBeLessThanOrEqual(10);
    expect(significant).toBeLessThanOrEqual(14);
  });
});
