import { performance } from 'node:perf_hooks';
import { packMetrics } from '../src/doors/http/routes/metrics.js';
import { WORST } from '../src/drift/report.js';
import type { DriftSummary } from '../src/drift/version-drift.js';
import type { LoadReport } from '../src/models/catalogue.js';
import { ManifestSchema } from '../src/models/manifest/manifest.js';
import { createModelVersion, type ModelVersion } from '../src/models/model-version.js';
import type { Serving } from '../src/models/repository/serving.js';
import { createCanaryMetrics } from '../src/monitoring/metrics/canaries.js';
import { createDecodingMetrics } from '../src/monitoring/metrics/decoding.js';
import { createDriftMetrics } from '../src/monitoring/metrics/drift.js';
import { createHttpMetrics } from '../src/monitoring/metrics/http.js';
import { MetricsRenderer } from '../src/monitoring/metrics/metrics-renderer.js';
import { createModelMetrics } from '../src/monitoring/metrics/models.js';
import { createOutcomeMetrics } from '../src/monitoring/metrics/outcomes.js';
import { createPredictionMetrics } from '../src/monitoring/metrics/predictions.js';
import { createRegistry } from '../src/monitoring/metrics/registry.js';
import type { MetricsFormat } from '../src/monitoring/metrics/series.js';
import { createServingMetrics } from '../src/monitoring/metrics/serving.js';
import { createTrafficMetrics } from '../src/monitoring/metrics/traffic.js';
import { createWorkerMetrics } from '../src/monitoring/metrics/workers.js';
import { FALLBACK_REASONS, type FallbackReason } from '../src/prediction/fallback.js';
import type { Predicted } from '../src/prediction/predictor.js';
import { CanaryStateSchema } from '../src/traffic/canary-plan.js';
import { median } from './statistics.js';

/**
 * npm run bench:scrape: what a scrape costs with every series of 50 versions (each with a shadow, a fallback
 * and 20 parameters that drift), beside prom-client's own rendering of the same. Between two scrapes each version answers
 * dies. CPU time of the whole process, as a shared machine makes any scrape wait; exits with 1 above 5 ms.
 */
const VERSIONS = 50;
const SCRAPES = 300;
const BOUND_MS = 5;

const versions = Array.from({ length: VERSIONS }, (_, i) => versionOf(`model-${i}`));
const shadow = versionOf('shadow');
const summaries = versions.map(summaryOf);
const canaries = servingOf(versions);
const registry = createRegistry();
const answerDies = useEverything();

const renderer = new MetricsRenderer(registry);
const scraped = async (format: MetricsFormat, sent: (body: Buffer) => number | Promise<number>) => {
  const { body, release } = await renderer.render(format);
  const bytes = await sent(body);
  release();
  return bytes;
};
const renderings = {
  'prometheus text': () => scraped('prometheus', ({ length }) => length),
  OpenMetrics: () => scraped('openmetrics', ({ length }) => length),
  'OpenMetrics, packed by gzip': () =>
    scraped('openmetrics', async (body) => (await packMetrics(body)).length),
  "prom-client's own": async () => (await registry.metrics()).length,
};
process.stdout.write('| rendering | CPU a scrape | wall clock, median | KB |\n|---|---|---|---|\n');
for (const [name, render] of Object.entries(renderings)) {
  const { cpuMs, wallMs, bytes } = await measured(render);
  process.stdout.write(
    `| ${name} | ${cpuMs.toFixed(2)} ms | ${wallMs.toFixed(2)} ms | ${Math.round(bytes / 1000)} |\n`,
  );
  if (cpuMs > BOUND_MS && !name.startsWith('prom-client')) process.exitCode = 1;
}

async function measured(render: () => Promise<number>) {
  const walls: number[] = [];
  let cpuUs = 0;
  let bytes = 0;
  for (let i = -SCRAPES / 5; i < SCRAPES; i++) {
    answerDies();
    const startedMs = performance.now();
    const before = process.cpuUsage();
    bytes = await render();
    const { user, system } = process.cpuUsage(before);
    if (i < 0) continue;
    cpuUs += user + system;
    walls.push(performance.now() - startedMs);
  }
  return { cpuMs: cpuUs / 1000 / SCRAPES, wallMs: median(walls), bytes };
}

function versionOf(name: string): ModelVersion {
  const manifest = ManifestSchema.parse({
    name,
    version: '1',
    task: 'anomaly-screen',
    input: { name: 'test_params', parameters: 4 },
    outputs: { score: 'anomaly_score' },
    threshold: 1,
    calibration: { method: 'logistic-log-score', slope: 1, intercept: 0, basis: 'nominal' },
    sha256: '0'.repeat(64),
    lineage: { data: 'none', rows: 0, codeVersion: '0', created: '2026-01-01T00:00:00Z' },
  });
  return createModelVersion(manifest, undefined, '/nowhere/model.onnx');
}

/** A canary of every model. */
function servingOf(models: readonly ModelVersion[]): Serving {
  const canary = CanaryStateSchema.parse({
    plan: { from: '1', to: '2', by: 'wafer_id' },
    status: 'running',
    step: 1,
    startedAt: '2026-01-01T00:00:00Z',
    stepSince: '2026-01-01T00:10:00Z',
    reason: 'It goes on.',
  });
  return {
    defaultModel: 'model-0',
    models: Object.fromEntries(models.map(({ name }) => [name, { canary: { ...canary } }])),
  };
}

/** What drift shows of a version: as many parameters as it ever names. */
function summaryOf({ name, version }: ModelVersion): DriftSummary {
  const worst = Array.from({ length: WORST }, (_, i) => ({ name: `RVIA_${i}`, psi: 0.123_456_789 + i }));
  return {
    modelName: name,
    modelVersion: version,
    dies: 1234,
    psiMax: 0.81,
    over: { changed: 9, drifted: 5 },
    worst,
    active: 1,
    equipment: { worst: 0.08, others: 0.02 },
    failRatesDiffer: 1,
  };
}

/** A shadow that sees the version's dies, and a fallback that has answered for every reason. */
function useTraffic(traffic: ReturnType<typeof createTrafficMetrics>, version: ModelVersion): void {
  const judged = { score: 0.1, decision: 'pass', latencyMs: 0.3 } as const;
  traffic.compared(version, shadow, { primary: judged, shadow: { ...judged, decision: 'fail' } });
  for (const outcome of ['dropped', 'failed'] as const) traffic.missed(version, shadow, outcome, 1);
  for (const reason of FALLBACK_REASONS) traffic.predicted(predictedBy(version, 'pass', reason));
}

/** A die of a traced request. */
function predictedBy(
  version: ModelVersion,
  prediction: 'pass' | 'fail',
  fallback: FallbackReason | undefined,
): Predicted {
  const measurements = { labels: [], params: new Float32Array() };
  const request = {
    requestId: 'r',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    version,
    measurements,
    lane: 'realtime',
    receivedAtMs: 0,
    deadlineMs: undefined,
    explain: 0,
  } as const;
  const die = {
    die_id: 'd',
    prediction,
    confidence: 0.98,
    anomaly_score: 0.123_456_789,
    inference_time_ms: 0.3,
    timestamp: '2026-01-01T00:00:00.000Z',
    model_name: version.name,
    model_version: '1',
  };
  return { request, version, measurements, fallback, predictions: [die], latencyMs: 1.234_567 };
}

/**
 * Every series of every version, with a value and an exemplar in it.
 * @returns lets every version answer dies
 */
function useEverything(): () => void {
  const byKey = (dies: number) => new Map(versions.map(({ key }) => [key, dies]));
  const serving = createServingMetrics(registry, {
    waitingDies: () => byKey(7),
    queueCapacities: () => byKey(4096),
    readyWorkers: () => 1,
    readyStandBys: () => 1,
    isReady: () => true,
  });
  const predictions = createPredictionMetrics(registry);
  const http = createHttpMetrics(registry);
  const decoded = createDecodingMetrics(registry);
  createOutcomeMetrics(registry, () => versions);
  createDriftMetrics(registry, () => summaries);
  createCanaryMetrics(registry, () => canaries);
  // Any process will do: what it has used is read at each scrape.
  createWorkerMetrics(registry).workerStarted(process.pid);
  const report: LoadReport = {
    loadedAt: new Date(0),
    loadMs: 12.3,
    batching: { policy: { kind: 'any' }, dependence: undefined },
  };
  const entries = versions.map((version) => ({
    key: version.key,
    name: version.name,
    number: version.version,
    version,
    state: 'ready' as const,
    reason: undefined,
    report,
  }));
  createModelMetrics(registry, () => entries);
  const traffic = createTrafficMetrics(registry);
  const answerDies = (version: ModelVersion): void => {
    useTraffic(traffic, version);
    serving.batchRan(version.key, {
      dies: 3,
      waitMs: 1,
      runMs: 0.3,
      roundTripMs: 0.4,
      reason: 'idle',
    });
    for (const outcome of ['answered', 'refused', 'expired', 'cancelled', 'failed'] as const) {
      serving.callSettled(version.key, outcome, 1);
    }
    for (const prediction of ['pass', 'fail'] as const)
      predictions(predictedBy(version, prediction, undefined));
  };
  for (const route of ['/predict', '/predict/batch', '/models/:model/predict', '/metrics']) {
    for (const status of [200, 422, 503]) {
      const refusalCode = status === 200 ? '' : 'queue_full';
      http({ method: 'POST', route, status, durationMs: 1, refusalCode, predicts: true });
    }
  }
  decoded('json', 0.02);
  decoded('binary', 0.01);
  return () => versions.forEach(answerDies);
}
