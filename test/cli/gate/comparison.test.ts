import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ComparedVersion, type Comparison, gatesOf } from '../../../src/cli/gate/comparison.js';
import { agreementOf, figuresOf, type GateDecision } from '../../../src/cli/gate/figures.js';
import { compareGroups, signTest } from '../../../src/cli/gate/groups.js';

const LIMITS = {
  maxAccuracyDrop: 1,
  minAccuracy: 80,
  maxDetectionDrop: 5,
  minDetection: 10,
  maxFalseAlarms: 10,
  maxP99Ms: 20,
  minSamples: 1000,
};
const ALL = [
  'accuracy',
  'least accuracy',
  'detection',
  'least detection',
  'false alarms',
  'latency',
  'samples',
];

function compared(model: string, correct: number, dies: number, p99 = 1): ComparedVersion {
  return {
    model,
    correct,
    accuracy: correct / dies,
    detectionRate: 1,
    falseAlarmRate: 0,
    unanswered: 0,
    latencyMs: { p50: p99 / 2, p90: p99, p99, max: p99 },
    cost: undefined,
  };
}

function comparison(before: number, after: number, dies: number, p99 = 1): Comparison {
  const versions = { baseline: compared('x/1', before, dies), candidate: compared('x/2', after, dies, p99) };
  return { dies, failingDies: 10, agreement: 1, groups: [], ...versions };
}

const holding = (found: Comparison) =>
  gatesOf(found, LIMITS).flatMap(({ gate, holds }) => (holds ? [gate] : []));

describe('the gates', () => {
  it('hold for a candidate that is no worse, on enough dies, and fast', () => {
    expect(holding(comparison(950, 960, 1000))).toEqual(ALL);
  });

  it.each([
    [990, 980, 1000, true],
    [990, 979, 1000, false],
    [2001, 1980, 2100, true],
    [2001, 1979, 2100, false],
  ])(
    'of accuracy: from %i to %i of %i dies holds: %s, one point exactly being allowed',
    (before, after, dies, holds) => {
      expect(gatesOf(comparison(before, after, dies), LIMITS)[0]).toMatchObject({ gate: 'accuracy', holds });
    },
  );

  it('of latency and of samples allow their bound itself, and nothing beyond it', () => {
    expect(holding(comparison(990, 990, 1000, 20))).toContain('latency');
    expect(holding(comparison(990, 990, 1000, 20.001))).not.toContain('latency');
    expect(holding(comparison(999, 999, 1000))).toContain('samples');
    expect(holding(comparison(998, 998, 999))).not.toContain('samples');
  });

  it('give a sentence with both figures and the bound', () => {
    const reasons = gatesOf(comparison(990, 970, 1000, 25.5), LIMITS).map(({ reason }) => reason);
    expect(reasons).toEqual([
      'x/2 decides 97.00% of the dies rightly, x/1 99.00%: a drop of 2.00 points, allowed is a drop of 1',
      'x/2 decides 97.00% of the dies rightly, required are at least 80%',
      'x/2 catches 100.00% of the bad dies, x/1 100.00%: no change, allowed is a drop of 5',
      'x/2 catches 100.00% of the bad dies, required are at least 10%',
      'x/2 fails 0.00% of the good dies, allowed are 10%',
      'x/2 answers 99% of single dies within 25.500 ms, allowed are 20 ms',
      'the labelled set has 1000 dies, required are at least 1000',
    ]);
  });
});

describe('a model that is blind', () => {
  const versus = (candidate: Partial<ComparedVersion>, baseline: Partial<ComparedVersion> = {}) => {
    const found = comparison(9900, 9887, 10_000);
    const both = {
      baseline: { ...found.baseline, ...baseline },
      candidate: { ...found.candidate, ...candidate },
    };
    const gates = gatesOf({ ...found, ...both }, LIMITS);
    return gates.flatMap(({ gate, holds }) => (holds ? [] : [gate]));
  };

  it('to all defects loses 0.13 points of accuracy where few dies fail, and does not pass', () => {
    expect(versus({ detectionRate: 0 })).toEqual(['detection', 'least detection']);
    expect(versus({ detectionRate: 0 }, { detectionRate: 0 })).toEqual(['least detection']);
  });

  it('to all good dies is right in 0.85%, as the one before it, and does not pass', () => {
    const poor = { correct: 85, accuracy: 0.0085, falseAlarmRate: 1 };
    expect(versus(poor, poor)).toEqual(['least accuracy', 'false alarms']);
  });
});

describe('groups', () => {
  const dies = (
    pairs: readonly [before: GateDecision, after: GateDecision, good: boolean, group: string][],
  ) =>
    compareGroups(
      'equipment_id',
      pairs.map(([, , , group]) => group),
      {
        before: pairs.map(([before]) => before),
        after: pairs.map(([, after]) => after),
        passing: Uint8Array.from(pairs, ([, , good]) => (good ? 1 : 0)),
      },
    );
  const many = <T>(count: number, one: T): T[] => Array<T>(count).fill(one);
  const gateOf = (groups: Comparison['groups']) =>
    gatesOf({ ...comparison(990, 990, 1000), groups }, LIMITS).find(({ gate }) => gate === 'groups');

  it('of which one is worse are missed, and it is named, though all dies together are as good', () => {
    const groups = dies(
      [
        ...many(100, ['pass', 'pass', true, 'T01'] as const),
        ...many(20, ['fail', 'pass', false, 'T01'] as const),
        ...many(200, ['pass', 'pass', true, 'T02'] as const),
        ...many(20, ['pass', 'fail', false, 'T02'] as const),
      ].map(([a, b, c, d]) => [a, b, c, d]),
    );
    expect(gateOf(groups)).toMatchObject({
      holds: false,
      measured: 2,
      reason:
        'equipment_id T01 (120 dies) loses 16.67 points of accuracy; equipment_id T01 (120 dies) loses 100.00 points of detection',
    });
  });

  it('are no worse for what chance explains, and the gate is not there where nobody asked', () => {
    const groups = dies(
      [
        ...many(8, ['pass', 'pass', true, 'T01'] as const),
        ...many(3, ['fail', 'pass', false, 'T01'] as const),
      ].map(([a, b, c, d]) => [a, b, c, d]),
    );
    expect(gateOf(groups)).toMatchObject({ holds: true, reason: 'none of 1 groups is worse' });
    expect(gateOf([])).toBeUndefined();
  });

  it('are judged by the exact sign test', () => {
    expect(signTest(0, 0)).toBe(1);
    expect(signTest(1, 0)).toBeCloseTo(0.5, 12);
    expect(signTest(5, 0)).toBeCloseTo(1 / 32, 12);
    // scipy.stats.binomtest(15, 20, alternative='greater')
    expect(signTest(15, 5)).toBeCloseTo(0.020694732666015625, 12);
    expect(signTest(0, 50_000)).toBeCloseTo(1, 9);
    expect(signTest(5200, 4800)).toBeCloseTo(0.00003301, 7);
  });
});

describe('the figures of a version', () => {
  it('count each die once, and one without an answer as wrong', () => {
    const decisions: GateDecision[] = ['pass', 'fail', 'fail', 'pass', undefined, undefined, 'pass', 'pass'];
    const passing = Uint8Array.of(1, 1, 0, 0, 1, 0, 1, 1);
    expect(figuresOf(decisions, passing)).toEqual({
      correct: 4,
      accuracy: 4 / 8,
      detectionRate: 1 / 3,
      falseAlarmRate: 1 / 5,
      unanswered: 2,
    });
  });

  it('are what the rates say, for any decisions', () => {
    const die = fc.tuple(fc.constantFrom<GateDecision>('pass', 'fail'), fc.boolean());
    fc.assert(
      fc.property(fc.array(die, { minLength: 2, maxLength: 50 }), (dies) => {
        const passing = Uint8Array.from(dies, ([, good]) => (good ? 1 : 0));
        const good = passing.reduce((sum, one) => sum + one, 0);
        fc.pre(good > 0 && good < dies.length);
        const figures = figuresOf(
          dies.map(([decision]) => decision),
          passing,
        );
        const { correct, detectionRate, falseAlarmRate } = figures;
        expect(correct).toBeCloseTo(detectionRate * (dies.length - good) + (1 - falseAlarmRate) * good, 9);
      }),
    );
  });

  it('agree where both decide alike, and never on a die without an answer', () => {
    expect(agreementOf(['pass', 'fail', undefined, 'fail'], ['pass', 'pass', undefined, 'fail'])).toBe(0.5);
  });
});
