import { describe, expect, it } from 'vitest';
import type { TracedBatch, TracedWait } from '../../../src/serving/batching/batching-observer.js';
import type { RequestSpan } from '../../../src/tracing/tracer.js';
import { BatcherBench } from '../../support/batching.js';

/** A span that nothing is asked of: what the batcher tells about it is what counts here. */
function span(): RequestSpan {
  const unexpected = () => expect.fail('the batcher only hands spans on');
  return { waited: unexpected, linkTo: unexpected, end: unexpected };
}

function tracedBench(workers = 1) {
  const batches: TracedBatch[] = [];
  const waits: TracedWait[] = [];
  const bench = new BatcherBench({
    workers,
    observers: [
      {
        tracedBatchEnded: (_, batch) => batches.push(batch),
        tracedWaitEnded: (_, wait) => waits.push(wait),
      },
    ],
  });
  return { bench, batches, waits };
}

describe('dies of traced requests', () => {
  it('nobody is told of a batch without any', async () => {
    const { bench, batches } = tracedBench();
    await bench.send();
    await bench.runner.last.score();
    expect(batches).toEqual([]);
  });

  it('a batch is told with the wait of each of its traced calls, and only theirs', async () => {
    const { bench, batches } = tracedBench();
    await bench.send();
    const startedMs = bench.clock.nowMs();
    const [first, second] = [span(), span()];
    await bench.send(1, { span: first });
    await bench.clock.advance(3);
    await bench.send(2, { span: second });
    await bench.send();
    await bench.clock.advance(4);
    await bench.runner.last.score();
    await bench.clock.advance(5);
    await bench.runner.last.score(2);
    const toMs = startedMs + 7;
    expect(batches).toMatchObject([
      {
        fromMs: toMs,
        toMs: toMs + 5,
        dies: 4,
        calls: 3,
        reason: 'idle',
        outcome: { kind: 'scored', runMs: 2 },
        waits: [
          { span: first, dies: 1, lane: 'realtime', fromMs: startedMs, toMs },
          { span: second, dies: 2, lane: 'bulk', fromMs: startedMs + 3, toMs },
        ],
      },
    ]);
  });

  it('a batch that is run again is told each time', async () => {
    const { bench, batches } = tracedBench();
    await bench.send(2, { span: span() });
    await bench.runner.last.lose();
    await bench.runner.last.throw();
    await bench.runner.last.score();
    await bench.runner.last.score();
    expect(batches.map(({ dies, reason, outcome }) => [dies, reason, outcome.kind])).toEqual([
      [2, 'idle', 'lost'],
      [2, 'retry', 'threw'],
      [1, 'retry', 'scored'],
      [1, 'retry', 'scored'],
    ]);
  });

  it('a wait that ends without a worker is told with its outcome, for the dies that still waited', async () => {
    const { bench, batches, waits } = tracedBench();
    const fromMs = bench.clock.nowMs();
    await bench.send(10, { span: span(), deadlineAtMs: fromMs + 20 });
    const gone = await bench.send(1, { span: span() });
    await bench.clock.advance(5);
    gone.disconnect();
    await bench.clock.advance(15);
    expect(waits).toMatchObject([
      { dies: 1, lane: 'realtime', fromMs, toMs: fromMs + 5, unscored: 'cancelled' },
      { dies: 2, lane: 'bulk', fromMs, toMs: fromMs + 20, unscored: 'expired' },
    ]);
    await bench.runner.last.score();
    expect(batches.map(({ waits: [wait] }) => wait?.dies)).toEqual([8]);
  });

  it('a call that found no room has not waited, nor has one whose dies had all been taken', async () => {
    const { bench, waits } = tracedBench();
    const refused = await bench.send(101, { span: span() });
    const running = await bench.send(1, { span: span() });
    running.disconnect();
    expect(refused.state).toBe('batch_too_large');
    expect(waits).toEqual([]);
  });
});
