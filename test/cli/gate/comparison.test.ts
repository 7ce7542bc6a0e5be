import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  agreementOf,
  type ComparedVersion,
  type Comparison,
  figuresOf,
  type GateDecision,
  gatesOf,
} from '../../../src/cli/gate/comparison.js';

const LIMITS = { maxAccuracyDrop: 1, maxP99Ms: 20, minSamples: 1000 };

function compared(model: string, correct: number, dies: number, p99 = 1): ComparedVersion {
  return {
    model,
    correct,
    accuracy: correct / dies,
    detectionRate: 1,
    falseAlarmRate: 0,
    unanswered: 0,
    latencyMs: { p50: p99 / 2, p90: p99, p99, max: p99 },
  };
}

function comparison(before: number, after: number, dies: number, p99 = 1): Comparison {
  const versions = { baseline: compared('x/1', before, dies), candidate: compared('x/2', after, dies, p99) };
  return { dies, failingDies: 10, agreement: 1, ...versions };
}

const holding = (found: Comparison) =>
  gatesOf(found, LIMITS).flatMap(({ gate, holds }) => (holds ? [gate] : []));

describe('the gates', () => {
  it('hold for a candidate that is no worse, on enough dies, and fast', () => {
    expect(holding(comparison(950, 960, 1000))).toEqual(['accuracy', 'latency', 'samples']);
  });

  it.each([
    [990, 980, 1000, true],
    [990, 979, 1000, false],
    [2001, 1980, 2100, true],
    [2001, 1979, 2100, false],
    [500, 500, 1000, true],
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
      'x/2 answers 99% of single dies within 25.500 ms, allowed are 20 ms',
      'the labelled set has 1000 dies, required are at least 1000',
    ]);
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
