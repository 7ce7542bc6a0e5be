import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchCost } from '../../../src/serving/batching/version-queue.js';

/** A cost that has seen batches of these sizes, each at `perDie * n + perBatch`. */
function seen(sizes: readonly number[], perDie: number, perBatch: number, cost = new BatchCost()): BatchCost {
  for (const dies of sizes) cost.observe(dies, perDie * dies + perBatch);
  return cost;
}

const sizes = fc.array(fc.integer({ min: 1, max: 256 }), { minLength: 2, maxLength: 300 });
const ms = fc.double({ min: 0, max: 100, noNaN: true });

describe('the measured cost of a batch', () => {
  it('finds a and b again from batches that cost a·n + b', () => {
    fc.assert(
      fc.property(sizes, ms, ms, (batches, perDie, perBatch) => {
        fc.pre(new Set(batches).size > 1);
        const cost = seen([...batches, 1, 64], perDie, perBatch);
        expect(cost.of(100)).toBeCloseTo(perDie * 100 + perBatch, 4);
        expect(cost.perDieMs).toBeCloseTo(perDie, 4);
        expect(cost.perBatchMs).toBeCloseTo(perBatch, 3);
      }),
    );
  });

  it('expects what it has seen when all batches were of one size', () => {
    const cost = seen(Array(500).fill(32), 0.1, 2);
    expect(cost.of(32)).toBeCloseTo(5.2, 9);
  });

  it('still knows the line after a long time of batches of one size', () => {
    const cost = seen(Array(100).fill(64), 0.5, 3, seen([1, 2, 4, 8, 16, 32, 64], 0.5, 3));
    expect(cost.of(8)).toBeCloseTo(7, 6);
  });

  it('follows a machine that has become slower within a hundred batches', () => {
    const mixed = Array.from({ length: 100 }, (_, i) => 1 + ((i * 37) % 64));
    const cost = seen(mixed, 0.2, 2, seen(mixed, 0.1, 1));
    expect(cost.of(64)).toBeGreaterThan(0.95 * (0.2 * 64 + 2));
  });

  it('is never negative, whatever was measured', () => {
    const batches = fc.array(fc.tuple(fc.integer({ min: 1, max: 256 }), ms), { maxLength: 200 });
    fc.assert(
      fc.property(batches, fc.integer({ min: 1, max: 4096 }), (seenBatches, dies) => {
        const cost = new BatchCost();
        for (const [n, took] of seenBatches) cost.observe(n, took);
        expect(cost.perDieMs).toBeGreaterThanOrEqual(0);
        expect(cost.perBatchMs).toBeGreaterThanOrEqual(0);
        expect(cost.of(dies)).toBeGreaterThanOrEqual(0);
        expect(cost.diesWithin(took(seenBatches))).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('gives for a time the most dies that fit into it', () => {
    fc.assert(
      fc.property(
        sizes,
        fc.double({ min: 0.01, max: 10, noNaN: true }),
        ms,
        ms,
        (batches, perDie, perBatch, within) => {
          fc.pre(new Set(batches).size > 1);
          const cost = seen(batches, perDie, perBatch);
          const dies = cost.diesWithin(within);
          if (dies > 0) expect(cost.of(dies)).toBeLessThanOrEqual(within + 1e-6);
          expect(cost.of(dies + 1)).toBeGreaterThan(within - 1e-6);
        },
      ),
    );
  });

  it('lets any number of dies go before the first batch was measured', () => {
    expect(new BatchCost().of(64)).toBe(0);
    expect(new BatchCost().diesWithin(0)).toBe(Number.POSITIVE_INFINITY);
  });
});

function took(batches: readonly (readonly [number, number])[]): number {
  return batches.at(-1)?.[1] ?? 0;
}
