import { describe, expect, test } from 'vitest';
import { advanceCanary, startCanary } from '../../src/traffic/canary.js';
import { CanaryPlanSchema, type CanaryState } from '../../src/traffic/canary-plan.js';
import { compareVersions } from '../../src/traffic/experiment.js';
import { OutcomeTally } from '../../src/traffic/outcome-tally.js';
import { ExperimentRulesSchema } from '../../src/traffic/rules.js';
import { accountOf } from './support.js';

const MINUTE = 60_000;
const at = (minutes: number) => new Date(Date.UTC(2026, 0, 1) + minutes * MINUTE);
const rules = ExperimentRulesSchema.parse({});
const plan = CanaryPlanSchema.parse({ from: '1', to: '2', dwellMs: 10 * MINUTE });
const begun = startCanary(plan, at(0)).state;
const atLastStep: CanaryState = { ...begun, step: plan.steps.length - 1 };

/** Of so many labelled dies, how many were decided as they turned out; a quarter of all turned out to fail. */
interface Truth {
  readonly dies: number;
  readonly correct: number;
}

/** A version that fails 5% of 20,000 dies, with outcomes of some. */
function versionWith(version: string, { dies, correct }: Truth) {
  const account = accountOf(version, { dies: 20_000, fails: 1000 });
  const failing = Math.round(dies / 4);
  const wrong = dies - correct;
  const falseAlarms = Math.min(wrong, dies - failing);
  account.outcomes.record('fail', 'pass', falseAlarms);
  account.outcomes.record('pass', 'pass', dies - failing - falseAlarms);
  account.outcomes.record('pass', 'fail', wrong - falseAlarms);
  account.outcomes.record('fail', 'fail', failing - (wrong - falseAlarms));
  return account;
}

const seen = (baseline: Truth, candidate: Truth) => ({
  baseline: versionWith('1', baseline),
  candidate: versionWith('2', candidate),
});

describe('a tally of outcomes', () => {
  test('tells escapes from false alarms', () => {
    const tally = new OutcomeTally();
    tally.record('pass', 'fail', 3);
    tally.record('fail', 'pass', 5);
    tally.record('fail', 'fail', 7);
    const other = new OutcomeTally();
    other.record('pass', 'pass', 11);
    tally.merge(other);
    expect([tally.dies, tally.correct, tally.escapes, tally.falseAlarms]).toEqual([26, 18, 3, 5]);
    expect([tally.turnedOut('pass'), tally.turnedOut('fail')]).toEqual([16, 10]);
  });
});

describe('a canary', () => {
  test('rolls back when outcomes show that the new version is right less often, before its dwell time is over', () => {
    const { state, event } = advanceCanary(
      begun,
      seen({ dies: 200, correct: 190 }, { dies: 200, correct: 0 }),
      at(1),
    );
    expect(event?.kind).toBe('rolled_back');
    expect(state.reason).toMatch(
      /^The drop of the accuracy is 0\.95 \(99\.9% interval 0\.\d+ to 0\.\d+\), beyond its bound of 0\.05\.$/,
    );
  });

  test('also at 100%, where no die goes to the old version any more', () => {
    const observation = seen({ dies: 2000, correct: 1900 }, { dies: 2000, correct: 1000 });
    expect(advanceCanary(atLastStep, observation, at(1)).event?.kind).toBe('rolled_back');
  });

  test('goes on where nobody posts outcomes, and where there are too few of them to say', () => {
    for (const few of [
      { dies: 0, correct: 0 },
      { dies: 49, correct: 0 },
    ]) {
      expect(advanceCanary(begun, seen({ dies: 500, correct: 490 }, few), at(11)).event?.kind).toBe('step');
    }
  });

  test('is held by an accuracy that is lower than it may be without that being shown, and goes on with one that is not', () => {
    const lower = seen({ dies: 200, correct: 190 }, { dies: 200, correct: 178 });
    expect(advanceCanary(begun, lower, at(11))).toMatchObject({
      event: { kind: 'hold' },
      state: { reason: expect.stringMatching(/^The drop of the accuracy is 0\.06 .* does not yet settle/) },
    });
    const alike = seen({ dies: 200, correct: 190 }, { dies: 200, correct: 188 });
    expect(advanceCanary(atLastStep, alike, at(11)).event?.kind).toBe('completed');
  });
});

describe('an experiment', () => {
  test('has accuracy, escapes and false alarms with intervals, and recommends to roll back by them', () => {
    const found = compareVersions({
      ...seen({ dies: 2000, correct: 1900 }, { dies: 2000, correct: 400 }),
      rules,
    });
    expect(found.baseline.outcomes).toMatchObject({
      dies: 2000,
      accuracy: { value: 0.95 },
      escape_rate: { value: 0 },
      false_alarm_rate: { value: 100 / 1500 },
    });
    expect(found.candidate.outcomes?.escape_rate?.value).toBe(100 / 500);
    expect(found.recommendation).toBe('roll_back');
    expect(found.reasons).toEqual([expect.stringMatching(/^The drop of the accuracy is 0\.75 /)]);
  });

  test('has none, and no bound of the accuracy, while no outcomes were posted', () => {
    const found = compareVersions({ ...seen({ dies: 0, correct: 0 }, { dies: 0, correct: 0 }), rules });
    expect(found.baseline.outcomes).toBeNull();
    expect(found.bounds.map(({ bound }) => bound)).not.toContain('accuracy_drop');
  });
});
