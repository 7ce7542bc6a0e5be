import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decisionAgreement, figuresOf, type GateDecision } from '../../../src/cli/gate/figures.js';

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
    expect(decisionAgreement(['pass', 'fail', undefined, 'fail'], ['pass', 'pass', undefined, 'fail'])).toBe(
      0.5,
    );
  });
});
