import { expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../src/config.js';
import { startWorkers } from '../../src/server/start-workers.js';
import { systemClock } from '../../src/serving/clock.js';
import { WORKER } from '../support/pool.js';

function started() {
  const config = readConfig({ INFERENCE_WORKERS: '2' });
  const workers = startWorkers({ config, clock: systemClock, entry: WORKER });
  onTestFinished(() => workers.pool.close());
  return workers;
}

test('who is told only later hears of every worker once, and of what happens then', async () => {
  const workers = started();
  await workers.started;
  const heard: (number | undefined)[] = [];
  const lost: string[] = [];
  workers.observe(
    [{ workerStarted: (pid) => heard.push(pid), workerLost: (_pid, reason) => lost.push(reason) }],
    (error) => expect.unreachable(String(error)),
  );
  const pids = workers.pool.pids;
  expect(heard.toSorted()).toEqual(pids.toSorted());
  process.kill(pids[0] ?? 0, 'SIGKILL');
  await expect.poll(() => lost.length).toBe(1);
  await expect.poll(() => heard.length).toBe(3);
});

test('one that throws keeps nothing from the others', async () => {
  const workers = started();
  await workers.started;
  let told = 0;
  const errors: unknown[] = [];
  const throws = () => {
    throw new Error('a fault of the observer');
  };
  workers.observe([{ workerStarted: throws }, { workerStarted: () => told++ }], (error) =>
    errors.push(error),
  );
  expect(told).toBe(2);
  expect(errors).toHaveLength(2);
});
