import { describe, expect, it } from 'vitest';
import { BatcherBench, type TrackedCall } from '../../support/batching.js';

/** A bench whose workers take a fixed time for each batch of a version, told to the cost model before. */
function timedBench(
  batchMs: Readonly<Record<string, number>>,
  workers = 1,
  delays: Readonly<Record<string, number>> = {},
) {
  const bench = new BatcherBench({ workers, version: { key: 'unused/1' } });
  for (const [key, ms] of Object.entries(batchMs)) {
    const limits = { maxBatchSize: 8, maxQueueSize: 100_000, maxQueueDelayMs: delays[key] ?? 0 };
    bench.add({ key, ...limits }, [
      [1, ms],
      [8, ms],
    ]);
  }
  bench.runner.onRun = (batch) => {
    bench.clock.after(batchMs[batch.version] ?? 1, () => void batch.score());
  };
  return bench;
}

const batchesOf = (bench: BatcherBench, key: string) =>
  bench.runner.batches.filter(({ version }) => version === key).length;

/** Milliseconds until a call is answered; at most `limitMs`. */
async function untilAnswered(bench: BatcherBench, call: TrackedCall, limitMs: number): Promise<number> {
  let ms = 0;
  for (; ms < limitMs && call.state !== 'answered'; ms++) await bench.clock.advance(1);
  return ms;
}

describe('fairness between model versions', () => {
  it('a slow version that is flooded costs a die of a fast one at most the batch under way', async () => {
    const bench = timedBench({ slow: 100, fast: 1 });
    bench.submit(5000, { key: 'slow' });
    for (let i = 0; i < 20; i++) {
      await bench.clock.advance(37);
      const die = bench.submit(1, { key: 'fast' });
      expect(await untilAnswered(bench, die, 500)).toBeLessThanOrEqual(102);
    }
  });

  it('two flooded versions share the worker time, whatever a batch of theirs costs', async () => {
    const bench = timedBench({ slow: 50, fast: 2 }, 2);
    bench.submit(20_000, { key: 'slow' });
    bench.submit(20_000, { key: 'fast' });
    await bench.clock.advance(2000);
    const [slowMs, fastMs] = [batchesOf(bench, 'slow') * 50, batchesOf(bench, 'fast') * 2];
    expect(slowMs / (slowMs + fastMs)).toBeCloseTo(0.5, 1);
  });

  it('a version gets no credit for the time in which it had nothing to do', async () => {
    const bench = timedBench({ old: 10, late: 10 });
    bench.submit(800, { key: 'old' });
    await bench.clock.advance(2000);
    // Both are idle now: the old one was given a second of worker time, the late one none.
    bench.submit(800, { key: 'late' });
    await bench.clock.advance(5);
    const die = bench.submit(1, { key: 'old' });
    expect(await untilAnswered(bench, die, 2000)).toBeLessThanOrEqual(30);
  });

  it('a version gets no credit for the time in which its dies waited for company', async () => {
    const bench = timedBench({ busy: 10, patient: 10 }, 1, { patient: 40 });
    bench.submit(8000, { key: 'busy' });
    for (let i = 0; i < 50; i++) {
      bench.submit(1, { key: 'patient' });
      await bench.clock.advance(20);
    }
    bench.submit(800, { key: 'patient' });
    const before = batchesOf(bench, 'busy');
    await bench.clock.advance(200);
    expect(batchesOf(bench, 'busy') - before).toBeGreaterThanOrEqual(8);
  });

  it('a version whose worker hung pays for the time', async () => {
    const bench = timedBench({ hangs: 1000, well: 10 });
    bench.runner.onRun = (batch) => {
      if (batch.version === 'well') bench.clock.after(10, () => void batch.score());
      else bench.clock.after(1000, () => void batch.lose());
    };
    bench.submit(80, { key: 'hangs' });
    bench.submit(8000, { key: 'well' });
    await bench.clock.advance(4000);
    expect(batchesOf(bench, 'well')).toBeGreaterThan(100);
  });
});
