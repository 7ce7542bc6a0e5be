import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ABOVE_COLORS, BELOW_COLORS } from '../../src/wafermap/palette.js';
import { scoreScale } from '../../src/wafermap/score-scale.js';

const MIDDLE = BELOW_COLORS.length;

describe('the colour scale of scores', () => {
  it('changes sides exactly at the threshold, whatever the scores are', () => {
    const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 });
    fc.assert(
      fc.property(fc.array(finite), finite, (scores, threshold) => {
        const { stepOf, steps } = scoreScale(scores, threshold);
        expect(steps).toHaveLength(BELOW_COLORS.length + ABOVE_COLORS.length);
        for (const score of [...scores, threshold]) {
          expect(stepOf(score) < MIDDLE).toBe(score <= threshold);
        }
      }),
    );
  });

  it('has edges that rise', () => {
    const { steps } = scoreScale([0.01, 0.2, 0.4, 0.9, 1.5, 900], 1);
    expect(steps.every(({ from, to }, i) => from < to && (i === 0 || steps[i - 1]?.to === from))).toBe(true);
  });

  it('is not bleached by one wild score', () => {
    const scores = [...Array.from({ length: 200 }, (_, i) => 1 + (i + 1) / 100), 1e9];
    const { stepOf } = scoreScale(scores, 1);
    expect(stepOf(1e9)).toBe(9);
    expect(stepOf(2.95)).toBe(9);
    expect(stepOf(1.1)).toBe(MIDDLE);
  });
});
