import { describe, expect, it } from 'vitest';
import { plainInput } from '../../../src/models/manifest/input-tensors.js';
import { Batcher } from '../../../src/serving/batching/batcher.js';
import type { SessionSpec } from '../../../src/serving/workers/messages.js';
import type { WorkerPool } from '../../../src/serving/workers/pool.js';
import { FakeClock, promisesSettled } from '../../support/fake-clock.js';
import { pretend, readyWorker, startPool } from '../../support/pool.js';

const SPEC: SessionSpec = {
  key: 'm/1',
  modelFile: 'none',
  inputs: [plainInput('test_params', 2)],
  parameterCount: 2,
  outputs: [{ name: 'anomaly_score', size: 1 }],
  contributionsName: undefined,
  maxBatchSize: 4,
  probes: new Float32Array(2),
};
const BATCH = { version: 'm/1', dies: 1, params: new Float32Array(2), explain: false };

/** A pool whose workers play a fault, on a clock that stands still, and what it says of lost workers. */
async function faultyPool(name: string) {
  const clock = new FakeClock();
  const losses: { reason: string; restartInMs: number }[] = [];
  const observers = [
    {
      workerLost: (_: number | undefined, reason: string, restartInMs: number) =>
        losses.push({ reason, restartInMs }),
    },
  ];
  const pool = await startPool({ entry: pretend(name), clock, batchTimeoutMs: 500, observers });
  await pool.open(SPEC, () => {});
  return { pool, clock, losses };
}

/** Lets the replacement of the lost worker start, which may be seconds away, and waits until it is ready. */
async function replaced(pool: WorkerPool, clock: FakeClock, inMs: number): Promise<void> {
  const ready = readyWorker(pool);
  await clock.advance(inMs);
  await ready;
}

describe('the watchdog', () => {
  it('kills a worker that does not answer a batch in time, not a moment before', async () => {
    const { pool, clock, losses } = await faultyPool('hangs-on-run');
    let outcome: unknown;
    const running = pool.run(BATCH).then((ended) => {
      outcome = ended;
    });
    await clock.advance(499);
    expect([outcome, losses]).toEqual([undefined, []]);
    await clock.advance(1);
    await running;
    expect(outcome).toEqual({ kind: 'lost', message: 'no answer within 500 ms' });
    expect(losses).toEqual([{ reason: 'no answer within 500 ms', restartInMs: 0 }]);
  });

  it("a hung worker's dies are run again once on its replacement, and then end with 503", async () => {
    const { pool, clock, losses } = await faultyPool('hangs-on-run');
    const batcher = new Batcher({ runner: pool, clock, workers: 1, observers: [] });
    batcher.add({ key: 'm/1', parameterCount: 2, maxBatchSize: 4, maxQueueDelayMs: 0, maxQueueSize: 10 });
    const submitted = batcher.submit('m/1', {
      dies: 1,
      params: new Float32Array(2),
      lane: 'realtime',
      deadlineAtMs: Number.POSITIVE_INFINITY,
      explain: false,
    });
    const refusal = expect(submitted).rejects.toMatchObject({
      code: 'inference_failed',
      message: 'the worker was lost twice with this die: no answer within 500 ms',
    });
    await clock.advance(500);
    expect(losses).toHaveLength(1);
    await replaced(pool, clock, 0);
    await promisesSettled();
    await clock.advance(500);
    await refusal;
    expect(losses).toHaveLength(2);
  });

  it('kills a worker that answers something else than was asked', async () => {
    const { pool } = await faultyPool('talks-out-of-turn');
    expect(await pool.run(BATCH)).toEqual({ kind: 'lost', message: 'it said "closed", expected "ran"' });
  });
});

describe('a worker that dies again and again', () => {
  it('is started less and less often, at last every five seconds', async () => {
    const { pool, clock, losses } = await faultyPool('dies-on-run');
    const delays = [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000];
    for (const delay of delays) {
      expect(await pool.run(BATCH)).toEqual({ kind: 'lost', message: 'exit code 7' });
      expect(losses.at(-1)).toEqual({ reason: 'exit code 7', restartInMs: delay });
      await clock.advance(Math.max(0, delay - 1));
      expect(pool.idle).toBe(0);
      await replaced(pool, clock, 1);
    }
  });
});
