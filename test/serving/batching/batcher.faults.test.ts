import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatcherBench } from '../../support/batching.js';
import type { FakeBatch } from '../../support/fake-runner.js';

describe('a worker that is lost', () => {
  it('its dies are run again once, before anything that waits', async () => {
    const bench = new BatcherBench();
    const call = await bench.send(2);
    const waiting = await bench.send();
    await bench.runner.last.lose();
    expect(bench.runner.last.ids).toEqual(call.ids);
    await bench.runner.last.score();
    expect(call.scores).toEqual(call.ids);
    await bench.runner.last.score();
    expect(waiting.state).toBe('answered');
  });

  it('a second loss ends its dies with 503 and the reason', async () => {
    const bench = new BatcherBench();
    const call = await bench.send();
    await bench.runner.last.lose();
    await bench.runner.last.lose('no answer within 30000 ms');
    expect([call.refusal?.status, call.refusal?.code]).toEqual([503, 'inference_failed']);
    expect(call.refusal?.message).toBe('the worker was lost twice with this die: no answer within 30000 ms');
    expect(bench.runner.running).toEqual([]);
  });

  it('dies that nobody waits for any more are not run again', async () => {
    const bench = new BatcherBench({ version: { maxQueueDelayMs: 50 } });
    const call = await bench.send(8);
    call.disconnect();
    const waiting = await bench.send();
    await bench.runner.last.lose();
    expect(bench.runner.batches).toHaveLength(1);
    await bench.clock.advance(50);
    expect(bench.runner.last.ids).toEqual(waiting.ids);
  });

  it('a row that was recycled since its call was settled is not read again', async () => {
    const bench = new BatcherBench();
    const [gone, stays] = [bench.submit(), bench.submit()];
    await bench.clock.advance(0);
    gone.disconnect();
    await bench.runner.last.lose();
    expect(bench.runner.last.ids).toEqual(stays.ids);
  });
});

/** Plays a model that throws for every batch with a die of `poisoned`, until no batch runs. */
async function playPoisoned(bench: BatcherBench, poisoned: ReadonlySet<number>): Promise<number> {
  let runs = 0;
  for (
    let batch: FakeBatch | undefined = bench.runner.running[0];
    batch !== undefined;
    batch = bench.runner.running[0]
  ) {
    runs++;
    if (batch.ids.some((id) => poisoned.has(id))) await batch.throw();
    else await batch.score();
  }
  return runs;
}

describe('a model that throws', () => {
  it('fails only the poisoned die of a batch, found in two runs for each halving', async () => {
    for (const position of [0, 17, 63]) {
      const bench = new BatcherBench({ workers: 0, version: { maxBatchSize: 64 } });
      const calls = Array.from({ length: 64 }, () => bench.submit());
      bench.runner.setWorkers(1);
      const runs = await playPoisoned(bench, new Set(calls[position]?.ids));
      expect(calls.map(({ state }) => state)).toEqual(
        calls.map((_, i) => (i === position ? 'inference_failed' : 'answered')),
      );
      expect(runs).toBe(1 + 2 * 6);
      expect(calls[position]?.refusal?.message).toBe('the model threw on this die: bad index');
    }
  });

  it('names the poisoned die of a call of many', async () => {
    const bench = new BatcherBench();
    const call = await bench.send(20);
    await playPoisoned(bench, new Set([call.ids[13] ?? 0]));
    expect(call.refusal?.message).toBe('the model threw on this die: bad index (die 13 of the call)');
  });

  it('fails exactly the poisoned dies, wherever and however many', async () => {
    const flags = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(flags, fc.integer({ min: 1, max: 16 }), async (poison, maxBatchSize) => {
        const bench = new BatcherBench({ version: { maxBatchSize } });
        const calls = poison.map(() => bench.submit());
        await bench.clock.advance(0);
        await playPoisoned(bench, new Set(calls.filter((_, i) => poison[i]).flatMap(({ ids }) => ids)));
        expect(calls.map(({ state }) => state)).toEqual(
          poison.map((bad) => (bad ? 'inference_failed' : 'answered')),
        );
      }),
      { numRuns: 40 },
    );
  });
});

describe('observers of the batcher', () => {
  it('are told of each batch that came back: its dies, its longest wait, its times', async () => {
    const ran: unknown[] = [];
    const bench = new BatcherBench({ observers: [{ batchRan: (key, batch) => ran.push([key, batch]) }] });
    await bench.send();
    await bench.clock.advance(7);
    await bench.send(2);
    await bench.clock.advance(3);
    await bench.runner.last.score(4);
    expect(ran).toEqual([['m/1', { dies: 1, waitMs: 0, runMs: 4, roundTripMs: 10, reason: 'idle' }]]);
    await bench.runner.last.score(4);
    expect(ran.at(-1)).toEqual(['m/1', { dies: 2, waitMs: 3, runMs: 4, roundTripMs: 0, reason: 'idle' }]);
  });

  it('that throw harm no die and keep no other observer from being told', async () => {
    const errors: unknown[] = [];
    const broken = () => {
      throw new Error('no disk');
    };
    const bench = new BatcherBench({
      observers: [{ batchRan: broken, callSettled: broken }],
      onObserverError: (error) => errors.push(error),
      version: { maxQueueSize: 10 },
    });
    const answered = await bench.send();
    const expired = await bench.send(1, { deadlineAtMs: bench.clock.nowMs() + 1 });
    const refused = await bench.send(10);
    const gone = await bench.send();
    gone.disconnect();
    await bench.clock.advance(1);
    await bench.runner.last.score();
    expect([answered.state, expired.state, refused.state]).toEqual([
      'answered',
      'deadline_exceeded',
      'queue_full',
    ]);
    const next = await bench.send();
    await bench.runner.last.score();
    expect(next.state).toBe('answered');
    expect(bench.outcomes).toEqual(['refused', 'cancelled', 'expired', 'answered', 'answered']);
    expect(errors).toHaveLength(7);
  });
});
