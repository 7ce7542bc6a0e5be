import { describe, expect, it } from 'vitest';
import { falseAlarmSpread, type UnfittedDie } from '../../src/training/evaluation/false-alarm-spread.js';
import { createRandom } from '../../src/training/random.js';

/** Lots of dies whose scores differ from lot to lot by a factor. */
function lotsOf(lots: number, dies: number, betweenLots: number, wafers = 1): UnfittedDie[] {
  const random = createRandom(`spread ${lots} ${betweenLots}`);
  return Array.from({ length: lots }, () => Math.exp(betweenLots * random.normal())).flatMap((factor, lot) =>
    Array.from({ length: dies }, (_, die) => ({
      score: factor * Math.exp(0.3 * random.normal()),
      lot: `L${lot}`,
      wafer: `L${lot}W${die % wafers}`,
    })),
  );
}

describe('the spread of false alarms', () => {
  it('is that of the dies where lots are alike, and many times as wide where they differ', () => {
    const alike = falseAlarmSpread(lotsOf(40, 500, 0), 0.5, 0.01);
    expect(alike).toMatchObject({ by: 'lot', groups: 40, drawn: 20 });
    expect(alike?.mean).toBeGreaterThan(0.007);
    expect(alike?.mean).toBeLessThan(0.013);
    expect(alike?.high).toBeLessThan(0.016);
    const differing = falseAlarmSpread(lotsOf(40, 500, 0.3), 0.5, 0.01);
    expect(differing?.high).toBeGreaterThan(0.02);
    // Four lots tell little of a fifth.
    const four = falseAlarmSpread(lotsOf(4, 500, 0.3), 0.5, 0.01);
    expect(four?.further?.high).toBeGreaterThan(0.1);
  });

  it('goes by wafers of a single lot, by dies where there is neither, and of two dies nothing is said', () => {
    expect(falseAlarmSpread(lotsOf(1, 400, 0, 8), 0.5, 0.01)).toMatchObject({
      by: 'wafer',
      groups: 8,
      drawn: 4,
    });
    const bare = lotsOf(1, 400, 0).map(({ score }) => ({ score, lot: undefined, wafer: undefined }));
    expect(falseAlarmSpread(bare, 0.5, 0.01)).toMatchObject({ by: 'die', groups: 400, drawn: 200 });
    expect(falseAlarmSpread(bare.slice(0, 2), 0.5, 0.01)).toBeUndefined();
  });

  it('is the same for the same dies', () => {
    const dies = lotsOf(4, 100, 0.2);
    expect(falseAlarmSpread(dies, 0.5, 0.0075)).toEqual(falseAlarmSpread(dies, 0.5, 0.0075));
  });
});
