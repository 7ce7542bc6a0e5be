import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FailClusters, jointEffect } from '../../src/traffic/clusters.js';
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

function effectOf(count: number, spread: number): number {
  const clusters = new FailClusters();
  wafers(count, spread, (unit, fails) => clusters.record(unit, fails));
  return clusters.designEffect().value;
}

describe('the design effect', () => {
  test('is near 1 where wafers are alike', () => {
    const effects = Array.from({ length: 30 }, () => effectOf(200, 0));
    expect(Math.max(...effects)).toBeLessThan(1.8);
  });

  test('is what theory says where they differ: 1 + 499 · 0.02² / (0.05 · 0.95)', () => {
    const effects = Array.from({ length: 40 }, () => effectOf(200, 0.02));
    const mean = effects.reduce((sum, effect) => sum + effect, 0) / effects.length;
    expect(mean).toBeGreaterThan(0.85 * 5.2);
    expect(mean).toBeLessThan(1.15 * 5.2);
  });

  test('is unknown of one wafer, and where no die fails or all do', () => {
    const clusters = new FailClusters();
    expect(clusters.designEffect()).toEqual({ value: 1, freedom: 0 });
    for (let i = 0; i < 100; i++) clusters.record('W1', i < 50);
    expect(clusters.designEffect()).toEqual({ value: 1, freedom: 0 });
    const perfect = new FailClusters();
    for (let i = 0; i < 100; i++) perfect.record(`W${i}`, false);
    expect(perfect.designEffect()).toEqual({ value: 1, freedom: 0 });
  });

  test('of two accounts merged is that of all dies', () => {
    const dies = fc.array(fc.tuple(fc.string({ minLength: 1, maxLength: 4 }), fc.boolean()), {
      maxLength: 80,
    });
    const clustersOf = (all: readonly (readonly [string, boolean])[]) => {
      const clusters = new FailClusters();
      for (const [unit, fails] of all) clusters.record(unit, fails);
      return clusters;
    };
    fc.assert(
      fc.property(dies, dies, (some, others) => {
        const merged = clustersOf(some);
        merged.merge(clustersOf(others));
        expect(merged.designEffect()).toEqual(clustersOf([...some, ...others]).designEffect());
      }),
    );
  });

  test('for both versions is the larger one, and larger still on few degrees of freedom', () => {
    const [much, none] = [
      { value: 5, freedom: 63 },
      { value: 1, freedom: 0 },
    ];
    expect(jointEffect(none, none, 2)).toBe(1);
    expect(jointEffect(much, none, 2)).toBe(jointEffect(none, much, 2));
    expect(jointEffect(much, none, 2)).toBeCloseTo(5 * (1 + 5 / 252) ** 2, 12);
    expect(jointEffect({ value: 5, freedom: 4 }, none, 2)).toBeGreaterThan(jointEffect(much, none, 2));
  });
});

test('wafers that differ do not make a version look worse: of 100 equal pairs few are rolled back', () => {
  const rules = ExperimentRulesSchema.parse({});
  let wronglyRolledBack = 0;
  let falseAlarms = 0;
  for (let i = 0; i < 100; i++) {
    const [baseline, candidate] = [new VersionAccount('1'), new VersionAccount('2')];
    const tell = (account: VersionAccount) => (unit: string, fails: boolean) =>
      account.recordDie(0.5, fails ? 'fail' : 'pass', 2, unit);
    wafers(27, 0.04, tell(baseline));
    wafers(3, 0.04, tell(candidate));
    const { recommendation, p_value: p } = compareVersions({ baseline, candidate, rules });
    if (recommendation === 'roll_back') wronglyRolledBack++;
    if ((p ?? 1) < 0.05) falseAlarms++;
  }
  // The plain z-test, which takes dies as independent, sees a difference in most of them.
  expect(falseAlarms).toBeGreaterThan(40);
  expect(wronglyRolledBack).toBeLessThanOrEqual(5);
});
