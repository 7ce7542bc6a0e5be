import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { BatchingObserver } from '../../serving/batching/batcher.js';
import type { WorkerObserver } from '../../serving/workers/pool.js';

const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
const RUN_BUCKETS_S = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1];

/** What gauges read at each scrape. */
export interface ServingGauges {
  /** Dies waiting, by version key. */
  readonly waitingDies: () => ReadonlyMap<string, number>;
  readonly readyWorkers: () => number;
}

/** Metrics of queues, batches and workers. */
export function createServingMetrics(
  registry: Registry,
  gauges: ServingGauges,
): Required<Pick<BatchingObserver, 'batchRan' | 'callSettled'>> &
  Required<Pick<WorkerObserver, 'workerLost'>> {
  const registers = [registry];
  const versionLabels = ['model_name', 'model_version'];
  const batchSize = new Histogram({
    name: 'batch_size_dies',
    help: 'Dies in one session.run',
    labelNames: versionLabels,
    buckets: BATCH_BUCKETS,
    registers,
  });
  const queueWait = new Histogram({
    name: 'queue_wait_seconds',
    help: 'Longest wait in the queue of the dies of a batch',
    labelNames: versionLabels,
    buckets: RUN_BUCKETS_S,
    registers,
  });
  const inference = new Histogram({
    name: 'inference_duration_seconds',
    help: 'Duration of one session.run',
    labelNames: versionLabels,
    buckets: RUN_BUCKETS_S,
    registers,
  });
  const requests = new Counter({
    name: 'model_requests_total',
    help: 'Calls by how they ended: answered, refused, expired, cancelled or failed',
    labelNames: [...versionLabels, 'status'],
    registers,
  });
  const restarts = new Counter({
    name: 'worker_restarts_total',
    help: 'Workers lost and replaced',
    registers,
  });
  new Gauge({
    name: 'queue_depth_dies',
    help: 'Dies waiting for a worker',
    labelNames: versionLabels,
    registers,
    collect() {
      this.reset();
      for (const [key, dies] of gauges.waitingDies()) this.set(labelsOf(key), dies);
    },
  });
  new Gauge({
    name: 'workers_ready',
    help: 'Workers with every version open and warm',
    registers,
    collect() {
      this.set(gauges.readyWorkers());
    },
  });
  return {
    batchRan(version, { dies, waitMs, runMs }) {
      const labels = labelsOf(version);
      batchSize.observe(labels, dies);
      queueWait.observe(labels, waitMs / 1000);
      inference.observe(labels, runMs / 1000);
    },
    callSettled(version, outcome) {
      requests.inc({ ...labelsOf(version), status: outcome });
    },
    workerLost() {
      restarts.inc();
    },
  };
}

function labelsOf(key: string): { model_name: string; model_version: string } {
  const [model_name = '', model_version = ''] = key.split('/');
  return { model_name, model_version };
}
