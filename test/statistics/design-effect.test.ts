import { describe, expect, test } from 'vitest';
import { effectOf, freedomOf, type Spread, wideningOf } from '../../src/statistics/design-effect.js';

describe('the effect for several spreads', () => {
  const much: Spread = { clusters: 64, showing: 64, diesACluster: 400, effect: 5 };

  test('is unknown while any has one wafer, whatever the others show', () => {
    expect(effectOf([much, { ...much, clusters: 1, showing: 1 }], 0.05)).toBeUndefined();
    expect(effectOf([much, { clusters: 0, showing: 0, diesACluster: 0, effect: 1 }], 0.05)).toBeUndefined();
  });

  test("is the largest one, widened as Student's t is with the wafers that show anything, less one each", () => {
    const two: Spread = { clusters: 2, showing: 2, diesACluster: 400, effect: 30 };
    expect(effectOf([much, two], 0.05)).toBe(effectOf([two, much], 0.05));
    expect(effectOf([much, two], 0.05)).toBeCloseTo(30 * (1.9977296543 / 1.9599639845) ** 2, 8);
    expect(effectOf([two, two], 0.05)).toBeCloseTo(30 * (4.3026527297 / 1.9599639845) ** 2, 8);
    expect(freedomOf([much, two, { ...two, showing: 1 }, { ...two, showing: 0 }])).toBe(65);
    expect(wideningOf(0.001, 2)).toBeCloseTo(31.5990545764 / 3.2905267315, 8);
  });

  test('allows for wafers that differ where hardly one shows what is counted', () => {
    const none: Spread = { clusters: 5, showing: 0, diesACluster: 400, effect: 1 };
    // sum of 1 / (1 + k * 0.12 / 0.88) for k = 0 to 399 is 30.08.
    expect(effectOf([none], 0.05)).toBeCloseTo(400 / 30.08, 1);
    expect(effectOf([{ ...none, diesACluster: 1 }], 0.05)).toBeCloseTo(1, 2);
    // A hundred wafers that show no spread are believed.
    const alike: Spread = { clusters: 100, showing: 100, diesACluster: 400, effect: 1 };
    expect(effectOf([alike], 0.05)).toBeLessThan(1.03);
  });
});
