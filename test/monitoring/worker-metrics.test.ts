import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createWorkerMetrics, type ProcessUsage } from '../../src/monitoring/metrics/workers.js';

test('the time of all workers is counted on through losses and replacements; memory is that of those that live', async () => {
  const registry = new Registry();
  const usage = new Map<number, ProcessUsage>([
    [1, { cpuSeconds: 2, residentBytes: 1000 }],
    [2, { cpuSeconds: 3, residentBytes: 500 }],
  ]);
  const workers = createWorkerMetrics(registry, (pid) => usage.get(pid));
  const lines = async () => (await registry.metrics()).split('\n').filter((line) => /^worker_/.test(line));
  expect(await lines()).toEqual(['worker_cpu_seconds_total 0', 'worker_resident_memory_bytes 0']);
  for (const pid of [1, 2]) workers.workerStarted(pid);
  expect(await lines()).toEqual(['worker_cpu_seconds_total 5', 'worker_resident_memory_bytes 1500']);
  usage.set(1, { cpuSeconds: 4, residentBytes: 900 });
  expect(await lines()).toEqual(['worker_cpu_seconds_total 7', 'worker_resident_memory_bytes 1400']);
  usage.delete(1);
  expect(await lines()).toEqual(['worker_cpu_seconds_total 7', 'worker_resident_memory_bytes 500']);
  workers.workerLost(1, 'signal SIGKILL', 0);
  workers.workerStarted(undefined);
  workers.workerStarted(3);
  usage.set(3, { cpuSeconds: 1, residentBytes: 100 });
  expect(await lines()).toEqual(['worker_cpu_seconds_total 8', 'worker_resident_memory_bytes 600']);
});

test('of a process that runs, the system says both', async () => {
  const registry = new Registry();
  createWorkerMetrics(registry).workerStarted(process.pid);
  const text = await registry.metrics();
  expect(Number(/^worker_cpu_seconds_total (\S+)$/m.exec(text)?.[1])).toBeGreaterThan(0);
  expect(Number(/^worker_resident_memory_bytes (\S+)$/m.exec(text)?.[1])).toBeGreaterThan(10_000_000);
});
