import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judge } from '../../src/traffic/bounds.js';
import { compareVersions, type Experiment, ExperimentSchema } from '../../src/traffic/experiment.js';
import { PairAccount } from '../../src/traffic/pair-account.js';
import { ExperimentRulesSchema } from '../../src/traffic/rules.js';
import { VersionAccount } from '../../src/traffic/version-account.js';
import { type AccountCounts, accountOf, observe, randomOf } from './support.js';

const rules = ExperimentRulesSchema.parse({});

function compared(baseline: AccountCounts, candidate: AccountCounts, pair?: PairAccount): Experiment {
  return compareVersions({
    baseline: accountOf('1', baseline),
    candidate: accountOf('2', candidate),
    pair,
    rules,
  });
}

/** A shadow that disagrees on the first `disagreements` of `dies`, by failing what the primary passes. */
function pairOf(dies: number, disagreements: number): PairAccount {
  const pair = new PairAccount('1', '2');
  for (let i = 0; i < dies; i++) {
    pair.recordDie(
      { score: 0.5, decision: 'pass', latencyMs: 2 },
      { score: 0.75, decision: i < disagreements ? 'fail' : 'pass', latencyMs: 3 },
      `die ${i}`,
    );
  }
  return pair;
}

test('the rules have defaults', () => {
  expect(rules).toEqual({
    minDies: 1000,
    significance: 0.05,
    maxFailRateDifference: 0.01,
    maxFailRateRatio: 2,
    maxDisagreementRate: 0.05,
    maxErrorRate: 0.01,
    maxLatencyRatio: 1.5,
    maxAccuracyDrop: 0.05,
    minOutcomes: 200,
  });
});

describe('recommends', () => {
  test('promote, when every bound is kept with confidence', () => {
    const found = compared({ dies: 20_000, fails: 1000 }, { dies: 20_000, fails: 1010 }, pairOf(20_000, 200));
    expect(found.recommendation).toBe('promote');
    expect(found.bounds.map(({ verdict }) => verdict)).toEqual(['kept', 'kept', 'kept', 'kept', 'kept']);
    expect(found.reasons).toHaveLength(5);
  });

  test('hold, while either version has too few dies', () => {
    const few = compared({ dies: 20_000, fails: 1000 }, { dies: 999, fails: 900 });
    expect(few.recommendation).toBe('hold');
    expect(few.reasons[0]).toBe('The error rate rests on 999 dies, expected at least 1000.');
    expect(compared({ dies: 999 }, { dies: 20_000 }).recommendation).toBe('hold');
  });

  test('hold, while chance may explain what is seen', () => {
    const found = compared({ dies: 1000, fails: 50 }, { dies: 1000, fails: 65 });
    expect(found.p_value).toBeGreaterThan(0.05);
    expect(found.recommendation).toBe('hold');
    expect(found.reasons).toEqual([
      'The difference of the fail rates is 0.015 (95% interval -0.005861 to 0.03607), ' +
        'which does not yet settle its bound of 0.01.',
    ]);
  });

  test('hold and not promote, where few dies show no difference: that is not evidence of none', () => {
    const found = compared({ dies: 1000, fails: 50 }, { dies: 1000, fails: 50 });
    expect(found.p_value).toBe(1);
    expect(found.recommendation).toBe('hold');
  });

  test('promote, where many dies show a difference that is significant and small', () => {
    const found = compared({ dies: 200_000, fails: 10_000 }, { dies: 200_000, fails: 10_500 });
    expect(found.p_value).toBeLessThan(0.01);
    expect(found.recommendation).toBe('promote');
  });

  test('roll back, when the version fails more dies than the bound allows', () => {
    const found = compared({ dies: 20_000, fails: 1000 }, { dies: 5000, fails: 400 });
    expect(found.recommendation).toBe('roll_back');
    expect(found.reasons).toHaveLength(1);
    expect(found.reasons[0]).toMatch(
      /^The difference of the fail rates is 0\.03 .* beyond its bound of 0\.01\.$/,
    );
  });

  test('roll back, when it fails fewer: bad dies escape', () => {
    expect(compared({ dies: 20_000, fails: 1000 }, { dies: 5000 }).recommendation).toBe('roll_back');
  });

  test('roll back, when it gives errors, even if it decides no die at all', () => {
    expect(compared({ dies: 20_000 }, { dies: 2000, errors: 60 }).recommendation).toBe('roll_back');
    expect(compared({ dies: 20_000 }, { dies: 0, errors: 1000 }).recommendation).toBe('roll_back');
  });

  test('hold, when both versions give errors alike: that is no harm the candidate did', () => {
    const found = compared({ dies: 20_000, errors: 1000 }, { dies: 5000, errors: 260 });
    expect(found.recommendation).toBe('hold');
    expect(found.reasons[0]).toMatch(
      /^The error rate is 0\.049.* as the version that it is compared with may be too\.$/,
    );
    expect(compared({ dies: 20_000, errors: 200 }, { dies: 5000, errors: 260 }).recommendation).toBe(
      'roll_back',
    );
  });

  test('roll back on the ratio, where the rates are too small for the difference: 0.1% and 0.8%', () => {
    const found = compared({ dies: 20_000, fails: 20 }, { dies: 5000, fails: 40 });
    expect(found.recommendation).toBe('roll_back');
    expect(found.reasons[0]).toMatch(/^The ratio of the fail rates is 8 .* beyond its bound of 2\.$/);
  });

  test('never promote a version that fails no die beside one that fails 0.1%', () => {
    const found = compared({ dies: 20_000, fails: 20 }, { dies: 20_000 });
    expect(found.recommendation).toBe('roll_back');
    expect(found.reasons[0]).toMatch(/^The ratio of the fail rates is 0 /);
  });

  test('roll back, when its p99 latency is more than the bound allows', () => {
    const found = compared({ dies: 20_000, latencyMs: 2 }, { dies: 20_000, latencyMs: 4 });
    expect(found.recommendation).toBe('roll_back');
    expect(found.bounds[3]).toMatchObject({ bound: 'latency_ratio', verdict: 'broken' });
    expect(found.bounds[3]?.interval?.value).toBeCloseTo(2, 1);
  });

  test('roll back, when its shadow runs disagree too often, though the fail rates are the same', () => {
    const found = compared({ dies: 20_000 }, { dies: 20_000 }, pairOf(20_000, 2000));
    expect(found.recommendation).toBe('roll_back');
    expect(found.reasons[0]).toMatch(/^The disagreement rate is 0\.1 /);
  });

  test('hold, on a pair that has compared too few', () => {
    const found = compared({ dies: 20_000 }, { dies: 20_000 }, pairOf(10, 10));
    expect(found.recommendation).toBe('hold');
  });
});

test('nothing is judged on one wafer, however many dies it has', () => {
  const [baseline, candidate] = [new VersionAccount('1'), new VersionAccount('2')];
  for (let i = 0; i < 20_000; i++) {
    baseline.recordDie(0.5, i % 20 === 0 ? 'fail' : 'pass', 2, `wafer ${i % 9}`, i * 1000);
    candidate.recordDie(0.5, i % 2 === 0 ? 'fail' : 'pass', 2, 'wafer 9', i * 1000);
  }
  const found = compareVersions({ baseline, candidate, rules });
  expect(found).toMatchObject({
    recommendation: 'hold',
    design_effect: null,
    fail_rate_difference: null,
    z: null,
    p_value: null,
  });
  expect(found.candidate).toMatchObject({ wafers: 1, fail_rate: null });
  expect(found.reasons).toContain(
    'The difference of the fail rates rests on 1 of the keys that the traffic goes by (wafers, as a rule) ' +
      'in one version, expected at least 2.',
  );
});

describe('latencies', () => {
  const latency = (baselineMs: (s: number) => number, candidateMs: (s: number) => number) => {
    const [baseline, candidate] = [new VersionAccount('1'), new VersionAccount('2')];
    for (let i = 0; i < 6000; i++) {
      const second = i / 10;
      baseline.recordDie(0.5, 'pass', baselineMs(second), `die ${i}`, second * 1000);
      if (i % 9 === 0) candidate.recordDie(0.5, 'pass', candidateMs(second), `die ${i}`, second * 1000);
    }
    const evidence = { minDies: 500, significance: 0.05 };
    const found = judge({ baseline, candidate }, rules, evidence);
    return found.find(({ bound }) => bound === 'latency_ratio')?.verdict;
  };
  const stalled = (second: number) => (second >= 300 && second < 312 ? 40 : 2);

  test('of a version that is slower all the time break the bound', () => {
    expect(
      latency(
        () => 2,
        () => 4,
      ),
    ).toBe('broken');
  });

  test('of a stall that hits both versions break nothing', () => {
    expect(latency(stalled, stalled)).toBe('kept');
  });

  test('of a stall that happened to hit the candidate break nothing: it was once', () => {
    expect(latency(() => 2, stalled)).toBe('open');
  });
});

describe('reports', () => {
  const found = compared(
    { dies: 20_000, fails: 1000, errors: 5 },
    { dies: 5000, fails: 300 },
    pairOf(400, 8),
  );

  test('each version: counts, rates with intervals, quantiles', () => {
    expect(found.baseline).toMatchObject({ version: '1', dies: 20_000, fails: 1000, errors: 5 });
    expect(found.baseline.fail_rate?.value).toBe(0.05);
    expect(found.baseline.error_rate?.value).toBeCloseTo(5 / 20_005, 12);
    expect(found.baseline.anomaly_score?.p90).toBeCloseTo(0.9, 1);
    expect(found.candidate.latency_ms?.p99).toBeCloseTo(2, 1);
  });

  test('their difference with its z and p', () => {
    expect(found.fail_rate_difference?.value).toBeCloseTo(0.01, 12);
    // 2.85 if the dies were independent; their buckets differ by a little more than chance.
    expect(found.z).toBeCloseTo(2.74, 2);
    expect(found.p_value).toBeCloseTo(0.0071, 4);
  });

  test('the disagreement of the shadow, its interval wider than that of independent dies: eight buckets show any', () => {
    expect(found.disagreement).toMatchObject({
      compared: 400,
      disagreements: 8,
      pass_to_fail: 8,
      fail_to_pass: 0,
    });
    expect(found.disagreement?.rate?.low).toBeCloseTo(0.0089, 5);
    expect(found.disagreement?.rate?.high).toBeCloseTo(0.04434, 5);
    expect(found.disagreement?.score_difference).toMatchObject({ mean: 0.25, sd: 0, max_abs: 0.25 });
    expect(found.disagreement?.shadow_latency_ms?.p50).toBeCloseTo(3, 1);
  });

  test('null for what there is nothing to say of', () => {
    const nothing = compared({ dies: 0 }, { dies: 0 }, new PairAccount('1', '2'));
    expect(nothing.baseline).toMatchObject({ fail_rate: null, error_rate: null, latency_ms: null });
    expect(nothing).toMatchObject({ fail_rate_difference: null, z: null, p_value: null });
    expect(nothing.disagreement).toMatchObject({ rate: null, score_difference: null });
    expect(nothing.recommendation).toBe('hold');
  });
});

const counts = fc.record({
  dies: fc.integer({ min: 0, max: 3000 }),
  fails: fc.integer({ min: 0, max: 3000 }),
  errors: fc.integer({ min: 0, max: 300 }),
  latencyMs: fc.constantFrom(0, 0.5, 2, 100),
});

test('whatever the dies, the report keeps its schema through JSON, and its reasons agree with its bounds', () => {
  fc.assert(
    fc.property(counts, counts, fc.option(fc.integer({ min: 0, max: 3000 })), (baseline, candidate, dies) => {
      const pair = dies === null ? undefined : pairOf(dies, Math.floor(dies / 20));
      const found = compared(baseline, candidate, pair);
      expect(ExperimentSchema.parse(JSON.parse(JSON.stringify(found)))).toEqual(found);
      const verdicts = found.bounds.map(({ verdict }) => verdict);
      const expected = verdicts.includes('broken')
        ? 'roll_back'
        : verdicts.includes('open')
          ? 'hold'
          : 'promote';
      expect(found.recommendation).toBe(expected);
      expect(found.reasons.length).toBeGreaterThan(0);
    }),
    { numRuns: 60 },
  );
});

test('of 40 versions as good as their baseline none is rolled back; of 40 that fail 3% more all are', () => {
  const random = randomOf('recommendations');
  const recommendations = (failRate: number) =>
    Array.from({ length: 40 }, () => {
      const [baseline, candidate] = [new VersionAccount('1'), new VersionAccount('2')];
      observe(baseline, 15_000, { failRate: 0.05 }, random);
      observe(candidate, 15_000, { failRate }, random);
      return compareVersions({ baseline, candidate, rules }).recommendation;
    });
  const [same, worse] = [recommendations(0.05), recommendations(0.08)];
  expect(same).not.toContain('roll_back');
  expect(same.filter((recommendation) => recommendation === 'promote').length).toBeGreaterThan(30);
  expect(worse).toEqual(Array(40).fill('roll_back'));
});
