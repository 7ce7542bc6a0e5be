import { describe, expect, it } from 'vitest';
import { BatcherBench } from '../../support/batching.js';

describe('handing batches to workers', () => {
  it('a die leaves at the end of the turn in which it arrived, while a worker is idle', async () => {
    const bench = new BatcherBench();
    const call = bench.submit();
    expect(bench.runner.batches).toEqual([]);
    bench.clock.endTurn();
    expect(bench.runner.last.ids).toEqual(call.ids);
    await bench.runner.last.score();
    expect(call.scores).toEqual(call.ids);
  });

  it('dies that arrive in one turn share a batch', async () => {
    const bench = new BatcherBench({ workers: 2 });
    for (let i = 0; i < 5; i++) bench.submit();
    await bench.clock.advance(0);
    expect(bench.runner.batches.map(({ dies }) => dies)).toEqual([5]);
  });

  it('batches form by themselves while all workers are busy', async () => {
    const bench = new BatcherBench();
    await bench.send();
    for (let i = 0; i < 10; i++) await bench.send();
    expect(bench.runner.batches.map(({ dies }) => dies)).toEqual([1]);
    await bench.runner.last.score();
    expect(bench.runner.last.dies).toBe(8);
    await bench.runner.last.score();
    expect(bench.runner.last.dies).toBe(2);
  });

  it('as many batches are in flight as there are workers, never more', async () => {
    const bench = new BatcherBench({ workers: 3 });
    await bench.send(40);
    expect(bench.runner.running).toHaveLength(3);
  });

  it('a worker that becomes idle gets what waits at once', async () => {
    const bench = new BatcherBench({ workers: 0 });
    await bench.send();
    expect(bench.runner.batches).toEqual([]);
    bench.runner.setWorkers(1);
    expect(bench.runner.batches).toHaveLength(1);
  });

  it('with maxQueueDelayMs a die waits for company that long, and not longer', async () => {
    const bench = new BatcherBench({ version: { maxQueueDelayMs: 5 } });
    await bench.send();
    await bench.clock.advance(4);
    await bench.send();
    expect(bench.runner.batches).toEqual([]);
    await bench.clock.advance(1);
    expect(bench.runner.last.dies).toBe(2);
  });

  it('with maxQueueDelayMs a full batch does not wait', async () => {
    const bench = new BatcherBench({ version: { maxQueueDelayMs: 5 } });
    await bench.send(9);
    expect(bench.runner.last.dies).toBe(8);
  });

  it('with maxQueueDelayMs a die in a hurry is run before its deadline while a worker is idle', async () => {
    const bench = new BatcherBench({ version: { maxQueueDelayMs: 1000 } });
    const call = await bench.send(1, { deadlineAtMs: bench.clock.nowMs() + 20 });
    await bench.clock.advance(15);
    await bench.runner.last.score();
    expect(call.state).toBe('answered');
  });

  it('a die whose deadline passes while it runs gets 504 then, and its batch-mates are answered', async () => {
    const bench = new BatcherBench();
    const hurried = bench.submit(1, { deadlineAtMs: bench.clock.nowMs() + 50 });
    const patient = bench.submit(1, { deadlineAtMs: bench.clock.nowMs() + 5000 });
    await bench.clock.advance(49);
    expect(hurried.state).toBe('waiting');
    await bench.clock.advance(1);
    expect(hurried.state).toBe('deadline_exceeded');
    expect(patient.state).toBe('waiting');
    await bench.runner.last.score();
    expect(patient.state).toBe('answered');
    expect(hurried.state).toBe('deadline_exceeded');
  });

  it('an explanation is fetched for a batch only if one of its dies wants it, and given only to that die', async () => {
    const bench = new BatcherBench();
    const plain = bench.submit();
    const explained = bench.submit(1, { explain: true });
    await bench.clock.advance(0);
    expect(bench.runner.last.explain).toBe(true);
    await bench.runner.last.score();
    const [id = 0] = explained.ids;
    expect(plain.scored?.contributions).toBeUndefined();
    expect(Array.from(explained.scored?.contributions ?? [])).toEqual([id, id + 0.5, -id]);
    await bench.send();
    expect(bench.runner.last.explain).toBe(false);
  });

  it('a call larger than a batch is split, and its scores come back in the order sent', async () => {
    const bench = new BatcherBench({ workers: 3 });
    const call = await bench.send(20);
    const [first, second, third] = bench.runner.batches;
    expect([first?.dies, second?.dies, third?.dies]).toEqual([8, 8, 4]);
    await third?.score(3);
    await first?.score(1);
    expect(call.state).toBe('waiting');
    await second?.score(2);
    expect(call.scores).toEqual(call.ids);
    expect(new Set(call.scored?.runMs.slice(16))).toEqual(new Set([3]));
  });

  it('a version that was never opened is refused as not loaded, one that is open is not opened twice', async () => {
    const bench = new BatcherBench();
    const call = await bench.send(1, { key: 'm/2' });
    expect(call.state).toBe('model_not_ready');
    expect(() => bench.add({ key: 'm/1' })).toThrow('m/1 has a queue already');
  });
});

describe('a full queue', () => {
  it('refuses at once with 503 and the seconds after which to try again', async () => {
    const bench = new BatcherBench({ workers: 0, version: { maxQueueSize: 10 } });
    await bench.send(8);
    const call = await bench.send(3);
    expect([call.refusal?.status, call.refusal?.code, call.refusal?.retryAfterSeconds]).toEqual([
      503,
      'queue_full',
      1,
    ]);
    expect(call.refusal?.message).toBe('8 dies wait for m/1 and 3 more would exceed its maxQueueSize of 10');
    expect((await bench.send(2)).state).toBe('waiting');
  });

  it('can be asked before the body is read', async () => {
    const bench = new BatcherBench({ workers: 0, version: { maxQueueSize: 10 } });
    await bench.send(9);
    expect(() => bench.batcher.assertRoom('m/1', 1)).not.toThrow();
    expect(() => bench.batcher.assertRoom('m/1', 2)).toThrow('would exceed its maxQueueSize of 10');
    expect(bench.batcher.waitingDies()).toEqual(new Map([['m/1', 9]]));
  });

  it('a call that no empty queue could hold is told so with 413, not to try again', async () => {
    const bench = new BatcherBench({ version: { maxQueueSize: 10 } });
    const { refusal } = await bench.send(11);
    expect([refusal?.status, refusal?.retryAfterSeconds]).toEqual([413, undefined]);
    expect(refusal?.message).toBe('11 dies in one call, m/1 queues at most 10');
  });
});

describe('deadlines', () => {
  it('a die past its deadline gets 504 without being run, its batch-mates are answered', async () => {
    const bench = new BatcherBench();
    await bench.send();
    const hurried = await bench.send(1, { deadlineAtMs: bench.clock.nowMs() + 10 });
    const patient = await bench.send();
    await bench.clock.advance(9);
    expect(hurried.state).toBe('waiting');
    await bench.clock.advance(1);
    expect([hurried.state, hurried.refusal?.status]).toEqual(['deadline_exceeded', 504]);
    await bench.runner.last.score();
    expect(bench.runner.last.ids).toEqual(patient.ids);
    await bench.runner.last.score();
    expect(patient.state).toBe('answered');
  });

  it('a die whose deadline had passed before it came gets 504 at once', async () => {
    const bench = new BatcherBench();
    const call = await bench.send(1, { deadlineAtMs: bench.clock.nowMs() });
    expect(call.state).toBe('deadline_exceeded');
    expect(bench.runner.batches).toEqual([]);
  });

  it('a call that expires between two of its batches gets 504 once, and the rest of it is not run', async () => {
    const bench = new BatcherBench();
    const call = await bench.send(20, { deadlineAtMs: bench.clock.nowMs() + 10 });
    await bench.clock.advance(10);
    expect(call.state).toBe('deadline_exceeded');
    await bench.runner.last.score();
    expect(bench.runner.batches).toHaveLength(1);
    expect(call.settlements).toBe(1);
  });

  it('a die that waits to be run again expires too', async () => {
    const bench = new BatcherBench();
    const call = await bench.send(1, { deadlineAtMs: bench.clock.nowMs() + 10 });
    bench.runner.workers = 0;
    await bench.runner.last.lose();
    await bench.clock.advance(10);
    expect(call.state).toBe('deadline_exceeded');
    bench.runner.setWorkers(1);
    expect(bench.runner.batches).toHaveLength(1);
  });

  it('leave no timer behind when no die waits, and none that a timer cannot hold', async () => {
    const bench = new BatcherBench({ workers: 0 });
    await bench.send(1, { deadlineAtMs: 1e12 });
    expect(bench.clock.nextTimerInMs).toBeLessThan(2 ** 31);
    expect(bench.clock.timers).toBe(1);
  });
});

describe('a client that has gone', () => {
  it('frees its place in the queue, and its neighbours are answered', async () => {
    const bench = new BatcherBench({ version: { maxQueueSize: 2 } });
    await bench.send();
    const [gone, stays] = [await bench.send(), await bench.send()];
    gone.disconnect();
    expect(bench.batcher.waitingDies().get('m/1')).toBe(1);
    const later = await bench.send();
    await bench.runner.last.score();
    expect(bench.runner.last.ids).toEqual([...stays.ids, ...later.ids]);
    await bench.runner.last.score();
    expect([stays.state, later.state]).toEqual(['answered', 'answered']);
    expect(bench.outcomes.filter((outcome) => outcome === 'cancelled')).toHaveLength(1);
  });

  it('during its run costs its batch-mates nothing', async () => {
    const bench = new BatcherBench();
    const [gone, stays] = [bench.submit(), bench.submit()];
    await bench.clock.advance(0);
    gone.disconnect();
    await bench.runner.last.score();
    expect(stays.scores).toEqual(stays.ids);
    expect(gone.settlements).toBe(1);
    expect(bench.outcomes).toEqual(['cancelled', 'answered']);
  });

  it('after its answer changes nothing', async () => {
    const bench = new BatcherBench();
    const call = await bench.send();
    await bench.runner.last.score();
    call.disconnect();
    expect(bench.outcomes).toEqual(['answered']);
  });
});
