import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DieSample } from '../../src/training/die-sample.js';

/** The dies that are left of a stream of dies, each the name of its wafer, and the most that was held. */
function sampled(wafers: readonly string[], most: number) {
  const sample = new DieSample(most);
  let held: string[] = [];
  let peak = 0;
  for (const wafer of wafers) {
    if (sample.take(wafer)) held.push(wafer);
    peak = Math.max(peak, held.length);
    if (!sample.isOverfull) continue;
    const left = sample.giveUp();
    held = held.filter((name) => left.has(name));
  }
  const left = sample.giveUp();
  return { held: held.filter((name) => left.has(name)), peak };
}

const stream = fc.array(fc.integer({ min: 0, max: 12 }).map(String), { maxLength: 300 });

describe('a sample of dies', () => {
  test('is of whole wafers, at most as many dies as were asked for, the same in whatever order they come', () => {
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 200 }), (wafers, most) => {
        const { held, peak } = sampled(wafers, most);
        expect(held.length).toBeLessThanOrEqual(most);
        expect(peak).toBeLessThanOrEqual(Math.floor(most * 1.25) + 1);
        const whole = wafers.filter((wafer) => held.includes(wafer));
        expect([...held].sort()).toEqual([...whole].sort());
        const reversed = sampled(wafers.toReversed(), most);
        expect(new Set(reversed.held)).toEqual(new Set(held));
      }),
    );
  });

  test('is all of them where they are not too many', () => {
    fc.assert(
      fc.property(stream, (wafers) => {
        expect(sampled(wafers, 300).held).toEqual(wafers);
      }),
    );
  });

  test('wastes no room: the next wafer by its hash would have been too much', () => {
    const wafers = Array.from({ length: 5000 }, (_, die) => `wafer ${die % 50}`);
    expect(sampled(wafers, 1000).held).toHaveLength(1000);
    expect(sampled(wafers, 1099).held).toHaveLength(1000);
  });
});
