import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createLatencies } from '../../src/replay/latencies.js';

it('there are no quantiles of nothing', () => {
  expect(createLatencies().quantiles()).toBeUndefined();
});

it('a quantile is the least measured duration that its share of all does not exceed', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1e4, noNaN: true }), { minLength: 1, maxLength: 700 }),
      (all) => {
        const latencies = createLatencies();
        for (const ms of all) latencies.add(ms);
        const quantiles = latencies.quantiles();
        const leastOf = (share: number) =>
          Math.min(...all.filter((ms) => all.filter((other) => other <= ms).length >= share * all.length));
        expect(quantiles?.p50).toBe(leastOf(0.5));
        expect(quantiles?.p90).toBe(leastOf(0.9));
        expect(quantiles?.p99).toBe(leastOf(0.99));
        expect(quantiles?.max).toBe(Math.max(...all));
      },
    ),
    { numRuns: 30 },
  );
});
