import { describe, expect, test } from 'vitest';
import { startCanary } from '../../src/traffic/canary.js';
import { CanaryPlanSchema } from '../../src/traffic/canary-plan.js';
import { progressOf } from '../../src/traffic/canary-progress.js';
import { canaryWarnings, needOf } from '../../src/traffic/needs.js';
import { VersionAccount } from '../../src/traffic/version-account.js';
import { accountOf } from './support.js';

const HOUR = 3_600_000;

describe('what a bound of the fail rate needs', () => {
  const figures = { rate: 0.05, effect: 1, diesAWafer: 400, share: 0.5 };

  test('of independent dies is what sample-size tables give: 2 · 1.96² · 0.05 · 0.95 / 0.01²', () => {
    expect(needOf('fail_rate_difference', 0.01, figures, 0.05)).toEqual({ dies: 3650, wafers: 10 });
  });

  test('grows with the design effect', () => {
    expect(needOf('fail_rate_difference', 0.01, { ...figures, effect: 48.9 }, 0.05)).toEqual({
      dies: 178_455,
      wafers: 447,
    });
  });

  test('of a ratio is 2 · 1.96² · 0.95 / 0.05 / ln(2)²', () => {
    expect(needOf('fail_rate_ratio', 2, figures, 0.05)).toEqual({ dies: 304, wafers: 2 });
  });

  test('is none for a bound of nothing', () => {
    expect(needOf('fail_rate_difference', 0, figures, 0.05)).toBeUndefined();
    expect(needOf('fail_rate_ratio', 1, figures, 0.05)).toBeUndefined();
  });
});

/** A version that has seen so many wafers of 400 dies, each with a fail rate of its own. */
function wafersOf(rates: readonly number[]): VersionAccount {
  const account = new VersionAccount('1');
  rates.forEach((rate, wafer) => {
    for (let die = 0; die < 400; die++)
      account.recordDie(0.5, die < rate * 400 ? 'fail' : 'pass', 2, `wafer ${wafer}`, die * 1000);
  });
  return account;
}

describe('before a canary begins', () => {
  const plan = CanaryPlanSchema.parse({ from: '1', to: '2' });
  const alike = wafersOf(Array(40).fill(0.05));

  test('nothing is said where a step sees enough', () => {
    const bounds = { maxFailRateDifference: 0.04, maxFailRateRatio: 3 };
    expect(canaryWarnings(CanaryPlanSchema.parse({ ...plan, bounds }), alike, HOUR)).toEqual([]);
  });

  test('it is said that nothing is known where no die has come yet, or only for some minutes', () => {
    expect(canaryWarnings(plan, new VersionAccount('1'), HOUR)).toEqual([
      'version 1 has been seen for 60 minutes and 0 dies, expected at least 10 minutes: whether the bounds can be settled in the time given is not known from that',
    ]);
    expect(canaryWarnings(plan, alike, 60_000)).toEqual([
      expect.stringMatching(/^version 1 has been seen for 1 minutes and 16000 dies, /),
    ]);
  });

  test('a bound above the fail rate itself is told of: a version that fails no die would keep it', () => {
    const [first] = canaryWarnings(plan, wafersOf(Array(40).fill(0.005)), HOUR);
    expect(first).toBe(
      'version 1 fails 0.5% of its dies, less than maxFailRateDifference (0.01): a version that fails none would ' +
        'keep that bound; only maxFailRateRatio (2) tells it from version 1',
    );
  });

  test('too few wafers in the time are told of, with how many it takes', () => {
    const differing = wafersOf(Array.from({ length: 40 }, (_, i) => (i % 4 === 0 ? 0.15 : 0.02)));
    const found = canaryWarnings(plan, differing, 10 * HOUR);
    expect(found).toHaveLength(3);
    expect(found[0]).toMatch(
      /^at 50% about 3\.667 keys \(wafer_id\) reach version 2 .* asks for 4 \(minWafers\)$/,
    );
    expect(found[1]).toMatch(
      /^maxFailRateDifference \(0\.01\) takes about \d{3} keys \(wafer_id, \d+ dies\) of version 2/,
    );
    expect(found[2]).toMatch(/^maxFailRateRatio \(2\) takes about \d\d keys .*: the canary will pause$/);
  });

  test('few equipments are told of, where dies go by them', () => {
    const byEquipment = CanaryPlanSchema.parse({ ...plan, by: 'equipment_id' });
    const four = new VersionAccount('1');
    for (let i = 0; i < 4000; i++)
      four.recordDie(0.5, i % 20 === 0 ? 'fail' : 'pass', 2, `tester ${i % 4}`, i);
    expect(canaryWarnings(byEquipment, four, HOUR)[0]).toMatch(
      /^4 equipments were seen, so that about 2 get version 2/,
    );
  });
});

describe('what a canary waits for', () => {
  const plan = CanaryPlanSchema.parse({ from: '1', to: '2' });
  const { state } = startCanary(plan, new Date('2026-01-01T00:00:00Z'));

  test('is each bound that keeps the step, with what is there and what it takes', () => {
    const baseline = accountOf('1', { dies: 9000, fails: 450 });
    const candidate = accountOf('2', { dies: 999, fails: 80 });
    const { percent, missing } = progressOf(state, { baseline, candidate });
    expect(percent).toBe(10);
    expect(missing.map(({ bound }) => bound)).toContain('fail_rate_difference');
    const [difference] = missing.filter(({ bound }) => bound === 'fail_rate_difference');
    expect(difference).toMatchObject({ dies: 999, wafers: 64 });
    expect(difference?.says).toBe(
      'The difference of the fail rates rests on 999 dies, expected at least 1000.',
    );
    expect(difference?.needed_dies).toBeGreaterThan(1000);
  });

  test('is nothing once it has ended', () => {
    expect(progressOf(state, undefined).missing).toEqual([]);
  });
});
