import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CostedDie, costFigures } from '../../../src/cli/gate/costs.js';

const COSTS = { escape: 10, overkill: 1 };

const die = (score: number, isGood: boolean, threshold: number): CostedDie => ({
  score,
  fails: score > threshold,
  isGood,
});

describe('what wrong decisions cost', () => {
  it('is told for 1,000 dies, and the threshold at which the same dies cost least', () => {
    const dies = [die(1, true, 5), die(2, true, 5), die(3, false, 5), die(4, true, 5), die(6, false, 5)];
    // One escape (3). Between 2 and 3 the good die of 4 is the only one lost.
    expect(costFigures(dies, COSTS)).toEqual({ per1000: 2000, cheapestThreshold: 2.5, cheapestPer1000: 200 });
  });

  it('counts a die without an answer as decided wrongly, at any threshold', () => {
    const unanswered = { score: undefined, fails: undefined, isGood: false };
    expect(costFigures([die(1, true, 5), unanswered], COSTS)).toMatchObject({
      per1000: 5000,
      cheapestPer1000: 5000,
    });
  });

  it('where escapes cost nothing no die is failed, and where overkill does every die', () => {
    const dies = [die(1, true, 5), die(2, false, 5), die(2, true, 5)];
    expect(costFigures(dies, { escape: 0, overkill: 1 }).cheapestThreshold).toBe(2);
    expect(costFigures(dies, { escape: 1, overkill: 0 }).cheapestThreshold).toBeLessThan(2);
  });

  it('at the threshold that it names is what it says, and no other threshold costs less', () => {
    const some = fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.boolean()), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(
        some,
        fc.integer({ min: -1, max: 21 }),
        fc.nat(20),
        fc.nat(20),
        (scored, other, ofEscape, ofOverkill) => {
          const at = (threshold: number) =>
            costFigures(
              scored.map(([score, good]) => die(score, good, threshold)),
              { escape: ofEscape, overkill: ofOverkill },
            );
          const { cheapestThreshold, cheapestPer1000 } = at(other);
          expect(at(cheapestThreshold).per1000).toBeCloseTo(cheapestPer1000, 9);
          expect(at(other).per1000).toBeGreaterThanOrEqual(cheapestPer1000 - 1e-9);
        },
      ),
    );
  });
});
