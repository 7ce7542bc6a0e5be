import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Decision } from '../../src/die/prediction.js';
import { PairAccount } from '../../src/traffic/pair-account.js';
import { VersionAccount } from '../../src/traffic/version-account.js';

const decision = fc.constantFrom<Decision>('pass', 'fail');
const judgement = fc.record({
  score: fc.double({ min: -1000, max: 1000, noNaN: true }),
  decision,
  latencyMs: fc.double({ min: 0.01, max: 1000, noNaN: true }),
});
const pairs = fc.array(fc.tuple(judgement, judgement), { maxLength: 60 });

function pairOf(dies: readonly (readonly Parameters<PairAccount['recordDie']>[0][])[]): PairAccount {
  const account = new PairAccount('1', '2');
  for (const [primary, shadow] of dies) {
    if (primary !== undefined && shadow !== undefined) account.recordDie(primary, shadow, 'w1');
  }
  return account;
}

describe('a version', () => {
  test('its dies, fails and errors are counted, its scores and latencies kept', () => {
    const account = new VersionAccount('2');
    account.recordDie(0.4, 'pass', 3, 'w1', 0);
    account.recordDie(1.4, 'fail', 5, 'w2', 0);
    for (const unit of ['w1', 'w2', 'w3']) account.recordError(unit);
    expect(account).toMatchObject({ version: '2', dies: 2, fails: 1, errors: 3, attempts: 5, units: 3 });
    expect(account.scores.max).toBe(1.4);
    expect(account.latencies.all().min).toBe(3);
  });

  test('two accounts merged hold what both hold', () => {
    const [account, other] = [new VersionAccount('2'), new VersionAccount('2')];
    account.recordDie(0.4, 'pass', 3, 'w1', 0);
    other.recordDie(1.4, 'fail', 5, 'w2', 7_000);
    other.recordError('w1');
    other.recordError('w2');
    account.merge(other);
    expect(account).toMatchObject({ dies: 2, fails: 1, errors: 2 });
    expect(account.scores.count).toBe(2);
    expect(account.latencies.all().max).toBe(5);
    expect(account.latencies.group(1)?.count).toBe(1);
  });
});

describe('a pair', () => {
  test('disagreements are counted by direction', () => {
    const account = new PairAccount('1', '2');
    const judged = (verdict: Decision) => ({ score: 1, decision: verdict, latencyMs: 1 });
    account.recordDie(judged('pass'), judged('pass'), 'w1');
    account.recordDie(judged('pass'), judged('fail'), 'w1');
    account.recordDie(judged('fail'), judged('pass'), 'w2');
    account.recordDie(judged('pass'), judged('fail'), 'w2');
    account.recordDropped(3);
    account.recordFailed();
    expect(account).toMatchObject({ compared: 4, passToFail: 2, failToPass: 1, disagreements: 3 });
    expect(account).toMatchObject({ dropped: 3, failed: 1 });
  });

  test('the score difference is shadow minus primary: mean, deviation and largest', () => {
    fc.assert(
      fc.property(pairs, (dies) => {
        const account = pairOf(dies);
        const differences = dies.map(([primary, shadow]) => shadow.score - primary.score);
        const n = differences.length;
        const mean = differences.reduce((sum, d) => sum + d, 0) / n;
        const variance = differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (n - 1);
        if (n > 0) expect(account.meanScoreDifference).toBeCloseTo(mean, 6);
        else expect(account.meanScoreDifference).toBeUndefined();
        if (n > 1) expect(account.deviationOfScoreDifference).toBeCloseTo(Math.sqrt(variance), 6);
        else expect(account.deviationOfScoreDifference).toBeUndefined();
        expect(account.largestScoreDifference).toBe(
          n === 0 ? undefined : Math.max(...differences.map((d) => Math.abs(d))),
        );
      }),
    );
  });

  test('two accounts merged are the account of all dies', () => {
    fc.assert(
      fc.property(pairs, pairs, (some, others) => {
        const merged = pairOf(some);
        merged.merge(pairOf(others));
        const whole = pairOf([...some, ...others]);
        expect(merged.compared).toBe(whole.compared);
        expect(merged.passToFail).toBe(whole.passToFail);
        expect(merged.failToPass).toBe(whole.failToPass);
        expect(merged.meanScoreDifference ?? 0).toBeCloseTo(whole.meanScoreDifference ?? 0, 6);
        expect(merged.deviationOfScoreDifference ?? 0).toBeCloseTo(whole.deviationOfScoreDifference ?? 0, 6);
        expect(merged.scoreDifferences.quantile(0.5)).toBe(whole.scoreDifferences.quantile(0.5));
        expect(merged.shadowLatencies.quantile(0.9)).toBe(whole.shadowLatencies.quantile(0.9));
      }),
    );
  });
});
