import { Counter, Gauge, type Registry } from 'prom-client';
import type { BatchingObserver } from '../../serving/batching/batching-observer.js';
import type { Outcome } from '../../serving/batching/call.js';
import type { DispatchReason } from '../../serving/batching/version-queue.js';
import type { WorkerObserver } from '../../serving/workers/worker-observer.js';
import { labelsOfKey, remember, SeriesCounter, SeriesHistogram } from './series.js';
import { type GaugeSample, SeriesGauge } from './series-gauge.js';

const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
const RUN_BUCKETS_S = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1];

/** What gauges read at each scrape. */
interface ServingGauges {
  /** Dies waiting, by version key. */
  readonly waitingDies: () => ReadonlyMap<string, number>;
  /** Dies that may wait, by version key. */
  readonly queueCapacities: () => ReadonlyMap<string, number>;
  readonly readyWorkers: () => number;
  /** Stand-by workers with every version open and warm; not among the ready workers. */
  readonly readyStandBys: () => number;
  /** Whether GET /ready answers 200. */
  readonly isReady: () => boolean;
}

/** Metrics of queues, batches and workers. */
export function createServingMetrics(
  registry: Registry,
  gauges: ServingGauges,
): Required<Pick<BatchingObserver, 'batchRan' | 'callSettled'>> &
  Required<Pick<WorkerObserver, 'workerLost'>> {
  const registers = [registry];
  const versionLabels = ['model_name', 'model_version'];
  const batchSize = new SeriesHistogram({
    name: 'batch_size_dies',
    help: 'Dies in one session.run',
    labelNames: versionLabels,
    buckets: BATCH_BUCKETS,
    registers,
  });
  const queueWait = new SeriesHistogram({
    name: 'queue_wait_seconds',
    help: 'Longest wait in the queue of the dies of a batch',
    labelNames: versionLabels,
    buckets: RUN_BUCKETS_S,
    registers,
  });
  const inference = new SeriesHistogram({
    name: 'inference_duration_seconds',
    help: 'Duration of one session.run',
    labelNames: versionLabels,
    buckets: RUN_BUCKETS_S,
    registers,
  });
  const batches = new SeriesCounter({
    name: 'batches_total',
    help: 'Batches run, by why they left when they did: full, idle, delay, deadline or retry',
    labelNames: [...versionLabels, 'reason'],
    registers,
  });
  const requests = new SeriesCounter({
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
  new SeriesGauge(
    { name: 'queue_depth_dies', help: 'Dies waiting for a worker', labelNames: versionLabels, registers },
    byVersion(gauges.waitingDies),
  );
  new SeriesGauge(
    {
      name: 'queue_capacity_dies',
      help: 'Dies that may wait before more are refused',
      labelNames: versionLabels,
      registers,
    },
    byVersion(gauges.queueCapacities),
  );
  new Gauge({
    name: 'server_ready',
    help: 'Whether the server takes traffic: 1 when every version is loaded and warm and it is not draining',
    registers,
    collect() {
      this.set(gauges.isReady() ? 1 : 0);
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
  new Gauge({
    name: 'workers_standing_by',
    help: 'Workers that take no dies, with every version open and warm, to take the place of one that is lost',
    registers,
    collect() {
      this.set(gauges.readyStandBys());
    },
  });
  const seriesOf = remember((key: string) => {
    const labels = labelsOfKey(key);
    return {
      batchSize: batchSize.series(labels),
      queueWait: queueWait.series(labels),
      inference: inference.series(labels),
      batches: remember((reason: DispatchReason) => batches.series({ ...labels, reason })),
      requests: remember((status: Outcome) => requests.series({ ...labels, status })),
    };
  });
  return {
    batchRan(version, { dies, waitMs, runMs, reason }) {
      const series = seriesOf(version);
      series.batchSize.observe(dies);
      series.queueWait.observe(waitMs / 1000);
      series.inference.observe(runMs / 1000);
      series.batches(reason).add(1);
    },
    callSettled(version, outcome) {
      seriesOf(version).requests(outcome).add(1);
    },
    workerLost() {
      restarts.inc();
    },
  };
}

/** The samples of what is known by version key; the same object for as long as the value is the same. */
function byVersion(read: () => ReadonlyMap<string, number>): () => GaugeSample[] {
  const known = new Map<string, GaugeSample>();
  return () =>
    Array.from(read(), ([key, value]) => {
      const before = known.get(key);
      const sample = before?.value === value ? before : { labels: labelsOfKey(key), value };
      known.set(key, sample);
      return sample;
    });
}
