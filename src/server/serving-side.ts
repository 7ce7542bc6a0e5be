import type { Config } from '../config.js';
import { DriftMonitor, type DriftSource } from '../drift/drift-monitor.js';
import { Webhook } from '../drift/webhook.js';
import { createLifecycle, type Lifecycle } from '../lifecycle/lifecycle.js';
import type { Catalogue } from '../models/catalogue.js';
import { createBatchingLog } from '../monitoring/batching-log.js';
import { createDriftLog } from '../monitoring/drift-log.js';
import { createCanaryMetrics } from '../monitoring/metrics/canaries.js';
import { createDriftMetrics } from '../monitoring/metrics/drift.js';
import { createModelMetrics } from '../monitoring/metrics/models.js';
import { createPredictionMetrics } from '../monitoring/metrics/predictions.js';
import { createServingMetrics } from '../monitoring/metrics/serving.js';
import { createTracingMetrics } from '../monitoring/metrics/tracing.js';
import { createTrafficMetrics } from '../monitoring/metrics/traffic.js';
import { createWorkerMetrics } from '../monitoring/metrics/workers.js';
import type { Monitoring } from '../monitoring/monitoring.js';
import { createPredictionLog } from '../monitoring/prediction-log.js';
import { createWorkerLog } from '../monitoring/worker-log.js';
import { InferStatistics } from '../oip/statistics.js';
import { Predictor } from '../prediction/predictor.js';
import { Experiments } from '../routing/experiments.js';
import { OutcomeAccounts } from '../routing/outcome-accounts.js';
import { ShadowRunner } from '../routing/shadow-runner.js';
import { Admission, Targets } from '../routing/targets.js';
import { VersionFallbacks } from '../routing/version-fallbacks.js';
import { Batcher } from '../serving/batching/batcher.js';
import type { Clock } from '../serving/clock.js';
import type { ExpressParts } from '../serving/express/express-runner.js';
import type { WorkerPool } from '../serving/workers/pool.js';
import { startSignatures } from '../signatures/start-signatures.js';
import { startTracing } from '../tracing/start-tracing.js';
import type { Tracer } from '../tracing/tracer.js';
import { createExpressSide } from './express-side.js';
import type { RecordsSide } from './records-side.js';
import type { StartedWorkers } from './start-workers.js';

interface ServingSideOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly monitoring: Monitoring;
  readonly catalogue: Catalogue;
  /** Absolute path of the model repository. */
  readonly folder: string;
  readonly servingFile: string;
  readonly webhookSecret: string | undefined;
  readonly workers: StartedWorkers;
  /** Undefined where no records are kept. */
  readonly records: RecordsSide | undefined;
  readonly expressParts?: ExpressParts | undefined;
  /** Whether GET /ready answers 200. */
  readonly isReady: () => boolean;
}

/** Everything between a die that was read and its prediction, and what changes it. */
export interface ServingSide {
  readonly admission: Admission;
  readonly targets: Targets;
  readonly predictor: Predictor;
  readonly lifecycle: Lifecycle;
  readonly drift: DriftMonitor;
  readonly experiments: Experiments;
  readonly outcomes: OutcomeAccounts;
  readonly statistics: InferStatistics;
  /** See `ServerOptions.tracer`. */
  readonly tracer: Tracer | undefined;
  readonly workers: Pick<WorkerPool, 'ready' | 'size'>;
  /** See `App.load`. */
  load(): Promise<void>;
  /** Changes nothing any more; dies are still answered. */
  stop(): void;
  /** Ends the workers, and hands on the last spans within the time given. */
  close(lastExportMs: number): Promise<void>;
  /** Ends the workers at once. */
  kill(): void;
}

/** Builds the serving side over workers that may still be starting. */
export async function createServingSide(options: ServingSideOptions): Promise<ServingSide> {
  const { config, clock, catalogue } = options;
  const { pool, started } = options.workers;
  const { monitoring, expressParts: parts } = options;
  const express = await createExpressSide({ config, monitoring, pool, parts });
  const runner = express ?? pool;
  const { logger, registry, onObserverError } = options.monitoring;
  const servingMetrics = createServingMetrics(registry, {
    waitingDies: () => batcher.waitingDies(),
    queueCapacities: () => batcher.capacityDies(),
    readyWorkers: () => pool.ready,
    readyStandBys: () => pool.standingBy,
    isReady: options.isReady,
  });
  const tracing = await startTracing(config, {
    clock,
    logger,
    createObserver: () => createTracingMetrics(registry),
  });
  options.workers.observe(
    [createWorkerLog(logger), servingMetrics, createWorkerMetrics(registry)],
    onObserverError,
  );
  const statistics = new InferStatistics(() => Date.now());
  const batcher = new Batcher({
    runner,
    clock,
    workers: config.INFERENCE_WORKERS,
    hashesRows: options.records !== undefined,
    observers: [servingMetrics, statistics, ...(tracing === undefined ? [] : [tracing.batching])],
    onObserverError,
  });
  const driftLog = createDriftLog(logger);
  const { drift, webhook } = createDrift(options, runner, driftLog);
  const logBatching = createBatchingLog(logger);
  const experiments = new Experiments(catalogue, () => new Date());
  createModelMetrics(registry, () => catalogue.entries());
  createCanaryMetrics(registry, () => catalogue.serving);
  const trafficMetrics = createTrafficMetrics(registry);
  const checkSignature = await startSignatures(config, (problem) =>
    logger.warn({ problem }, 'a file of keys'),
  );
  const lifecycle = createLifecycle({
    folder: options.folder,
    servingFile: options.servingFile,
    catalogue,
    runner,
    copies: pool.copies,
    batcher,
    clock,
    logger,
    checkSignature,
    loadObservers: [
      {
        versionLoaded: (entry) => {
          const { key, version, report } = entry;
          options.records?.versionLoaded(entry);
          if (version !== undefined) drift.add(version);
          if (version?.reference !== undefined && version.reference.allDies === undefined)
            driftLog.olderReference(key);
          const signature = report?.signature;
          if (signature?.status === 'refused') logger.warn({ version: key, signature }, 'signature');
          else if (signature !== undefined) logger.info({ version: key, signature }, 'signature');
          if (report !== undefined) logBatching(key, report.batching);
        },
        versionUnloaded: (entry) => {
          options.records?.versionUnloaded(entry);
          drift.remove(entry.key);
        },
      },
    ],
    lazyBudgetBytes: config.LAZY_MEMORY_MB * 1024 * 1024,
    watchEveryMs: config.REPOSITORY_WATCH_MS,
    onTrafficChange: (model) => experiments.reset(model),
    onAudited: options.records?.audited,
    onCanaryEvent: (model, event) => logger.warn({ model, ...event }, 'canary'),
  });
  const shadows = new ShadowRunner({
    submit: (key, call) => batcher.submitShadow(key, call),
    clock,
    catalogue,
    experiments,
    observers: [trafficMetrics],
    onError: onObserverError,
  });
  const predictor = new Predictor({
    scorer: batcher,
    clock,
    groupsOf: (key, labels) => drift.groupsOf(key, labels),
    fallbacks: new VersionFallbacks({
      catalogue,
      clock,
      readyWorkers: () => pool.ready,
      onCircuit: ({ key, name, version }, circuit, reason) => {
        logger.warn({ version: key, circuit, reason }, 'circuit');
        if (circuit === 'open') lifecycle.canaries.circuitOpened(name, version);
      },
    }),
    observers: [
      createPredictionMetrics(registry),
      createPredictionLog(options.monitoring.writeLine, options.monitoring.loggedShare),
      trafficMetrics.predicted,
      experiments.predicted,
      lifecycle.canaries.predicted,
      shadows.predicted,
      ({ version, predictions, latencyMs }) =>
        statistics.answered(version.key, predictions.length, latencyMs),
    ],
    failureObservers: [
      experiments.failed,
      lifecycle.canaries.failed,
      ({ key }, _dies, _request, latencyMs) => statistics.failed(key, latencyMs),
    ],
    onObserverError,
  });
  const targets = new Targets(catalogue);
  const admission = new Admission({
    targets,
    clock,
    assertRoom: (key, dies) => batcher.assertRoom(key, dies),
    lazy: lifecycle.lazy,
    lazyWaitMs: config.LAZY_WAIT_MS,
    onError: onObserverError,
  });
  return {
    admission,
    targets,
    predictor,
    lifecycle,
    drift,
    experiments,
    outcomes: new OutcomeAccounts(),
    statistics,
    tracer: tracing?.tracer,
    workers: pool,
    async load() {
      await started;
      await lifecycle.start();
      pool.openBeside();
      drift.start();
    },
    stop: () => lifecycle.stop(),
    async close(lastExportMs) {
      drift.close();
      webhook?.close();
      express?.stop();
      await Promise.all([pool.close(), tracing?.close(lastExportMs)]);
    },
    kill() {
      lifecycle.stop();
      drift.close();
      webhook?.close();
      express?.stop();
      pool.kill();
    },
  };
}

/** What watches the dies for drift, and who is told of it. */
function createDrift(
  { config, clock, webhookSecret, monitoring }: ServingSideOptions,
  source: DriftSource,
  driftLog: ReturnType<typeof createDriftLog>,
): { readonly drift: DriftMonitor; readonly webhook: Webhook | undefined } {
  const webhook =
    config.DRIFT_WEBHOOK_URL === undefined || webhookSecret === undefined
      ? undefined
      : new Webhook({
          url: config.DRIFT_WEBHOOK_URL,
          secret: webhookSecret,
          clock,
          now: () => new Date(),
          random: Math.random,
          onSettled(outcome, event, reason) {
            driftMetrics.deliverySettled(outcome);
            driftLog.delivery(outcome, event, reason);
          },
        });
  const drift = new DriftMonitor({
    source,
    clock,
    now: () => new Date(),
    settings: {
      windowMinutes: config.DRIFT_WINDOW_MINUTES,
      stepMinutes: config.DRIFT_STEP_MINUTES,
      minimumDies: config.DRIFT_MINIMUM_DIES,
    },
    observers: [driftLog.event, (event) => webhook?.send(event)],
    onError: monitoring.onObserverError,
  });
  const driftMetrics = createDriftMetrics(monitoring.registry, () => drift.summaries());
  return { drift, webhook };
}
