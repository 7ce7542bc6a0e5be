import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CATCH_UP_MS, createGate, createPacer } from '../../src/replay/pacing.js';

describe('pacing', () => {
  it('spaces dies evenly at the rate, touchdowns by their dies', () => {
    const pacer = createPacer(100);
    expect([pacer.reserve(1000, 1), pacer.reserve(1000, 1), pacer.reserve(1000, 4)]).toEqual([
      1000, 1010, 1020,
    ]);
    expect(pacer.reserve(1000, 1)).toBe(1060);
  });

  it('posts at once without a rate', () => {
    const pacer = createPacer(undefined);
    expect([pacer.reserve(5, 100), pacer.reserve(5, 100)]).toEqual([5, 5]);
  });

  it('catches up with the jitter of timers, not with a standstill', () => {
    const pacer = createPacer(100);
    pacer.reserve(0, 1);
    expect(pacer.reserve(12, 1), '2 ms late').toBe(12);
    expect(pacer.reserve(12, 1), 'the lateness is made up for').toBe(20);
    expect(pacer.reserve(10_000, 1)).toBe(10_000);
    const burst = Array.from({ length: 20 }, () => pacer.reserve(10_000, 1)).filter((at) => at === 10_000);
    expect(burst).toHaveLength((CATCH_UP_MS * 100) / 1000);
  });

  it('never exceeds the rate over any span, whatever the delays, and never looks back', () => {
    const moves = fc.array(
      fc.record({
        waitMs: fc.double({ min: 0, max: 400, noNaN: true }),
        dies: fc.integer({ min: 1, max: 9 }),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(fc.double({ min: 0.5, max: 5000, noNaN: true }), moves, (rate, steps) => {
        const pacer = createPacer(rate);
        let nowMs = 0;
        const posts = steps.map(({ waitMs, dies }) => {
          nowMs += waitMs;
          const atMs = pacer.reserve(nowMs, dies);
          expect(atMs).toBeGreaterThanOrEqual(nowMs);
          nowMs = atMs;
          return { atMs, dies };
        });
        posts.forEach((from, i) => {
          let dies = 0;
          for (const { atMs, dies: more } of posts.slice(i)) {
            const allowed = (rate * (atMs - from.atMs + CATCH_UP_MS)) / 1000;
            expect(dies).toBeLessThanOrEqual(allowed + 1e-6 * (1 + allowed));
            dies += more;
          }
        });
      }),
    );
  });
});

it('a gate is held to the latest time that was asked for', () => {
  const gate = createGate();
  expect(gate.openAtMs()).toBeLessThan(0);
  gate.hold(2000);
  gate.hold(1000);
  expect(gate.openAtMs()).toBe(2000);
});
