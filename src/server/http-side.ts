import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.js';
import { createProbeServer } from '../doors/http/probe-server.js';
import { createServer } from '../doors/http/server.js';
import { Fault } from '../errors.js';
import type { Catalogue } from '../models/catalogue.js';
import type { ModelVersion } from '../models/model-version.js';
import { createConnectionLog } from '../monitoring/connection-log.js';
import { createConnectionMetrics } from '../monitoring/metrics/connections.js';
import { createDecodingMetrics } from '../monitoring/metrics/decoding.js';
import { createHttpMetrics } from '../monitoring/metrics/http.js';
import { MetricsRenderer } from '../monitoring/metrics/metrics-renderer.js';
import { createOutcomeMetrics } from '../monitoring/metrics/outcomes.js';
import type { Monitoring } from '../monitoring/monitoring.js';
import { createRefusalLog } from '../monitoring/prediction-log.js';
import type { Clock } from '../serving/clock.js';
import { DIEGATE_VERSION } from '../version.js';
import { GrpcSide } from './grpc-side.js';
import type { Readiness } from './readiness.js';
import type { RecordsSide } from './records-side.js';
import type { OpenedSecurity } from './security.js';
import type { ServingSide } from './serving-side.js';

interface HttpSideOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly monitoring: Monitoring;
  readonly catalogue: Catalogue;
  readonly serving: ServingSide;
  readonly readiness: Readiness;
  readonly security: OpenedSecurity;
  /** Undefined where no records are kept. */
  readonly records: RecordsSide | undefined;
}

/** What listens. */
interface HttpSide {
  readonly server: FastifyInstance;
  /** See `App.probeServer`. */
  readonly probeServer: FastifyInstance | undefined;
  /** @throws Fault `invalid_config` where a port cannot be listened on */
  listen(): Promise<AddressInfo>;
  /** Refuses new requests and answers those in flight. */
  close(): Promise<void>;
}

/** Builds the HTTP side over the serving side; it does not listen yet. */
export async function createHttpSide(options: HttpSideOptions): Promise<HttpSide> {
  const { config, clock, catalogue, serving, readiness, security } = options;
  const { logger, registry, writeLine, loggedShare } = options.monitoring;
  const { admission, lifecycle } = serving;
  const startedAtMs = clock.nowMs();
  let requestsServed = 0;
  const probes = {
    version: DIEGATE_VERSION,
    isModelLoaded: () => readiness.defaultProblem() === undefined,
    missing: () => readiness.missing(),
    failed: () => failedVersions(catalogue),
    uptimeSeconds: () => Math.round(clock.nowMs() - startedAtMs) / 1000,
    requestsServed: () => requestsServed,
  };
  const metrics = new MetricsRenderer(registry);
  // Half of what is left of the grace period: the answers, the last spans and the workers need some of it, too.
  const closingPatienceMs = () => Math.max(0, config.SHUTDOWN_GRACE_MS - readiness.drainingForMs) / 2;
  const timeouts = {
    requestTimeoutMs: config.REQUEST_TIMEOUT_MS,
    keepAliveTimeoutMs: config.KEEP_ALIVE_TIMEOUT_MS,
  };
  const countOutcomes = createOutcomeMetrics(registry, () => loadedVersions(catalogue));
  const server = await createServer({
    logger,
    clock,
    catalogue,
    predictor: serving.predictor,
    records: options.records?.dies,
    lookUps: options.records?.lookUps,
    admit: (model, version) => admission.admit(model, version),
    renew: (target) => admission.renew(target),
    experiments: serving.experiments,
    canaries: lifecycle.canaries,
    changes: lifecycle.changes,
    statistics: serving.statistics,
    drift: serving.drift,
    isDraining: () => readiness.isDraining,
    closingPatienceMs,
    probes,
    metrics,
    observers: [
      createHttpMetrics(registry),
      ...(logger.isLevelEnabled('info') ? [createRefusalLog(writeLine, loggedShare)] : []),
      () => {
        requestsServed++;
      },
    ],
    tracer: serving.tracer,
    onDecoded: createDecodingMetrics(registry),
    outcomes: serving.outcomes,
    onOutcomes: (count) => {
      countOutcomes(count);
      serving.outcomes.record(count);
      serving.experiments.outcome(count);
      serving.lifecycle.canaries.outcome(count);
    },
    http2:
      config.GRPC === 'off'
        ? undefined
        : (shared) =>
            new GrpcSide(
              {
                config,
                clock,
                access: security.access,
                tracer: serving.tracer,
                isDraining: () => readiness.isDraining,
                onError: (error) => logger.error({ err: error }, 'gRPC could not be loaded'),
              },
              shared,
            ),
    security,
    limits: {
      ...timeouts,
      maxBodyBytes: config.MAX_BODY_BYTES,
      maxBatchDies: config.MAX_BATCH_DIES,
      perEquipment: config.RATE_LIMIT_PER_SECOND,
      perCaller: config.CALLER_RATE_LIMIT_PER_SECOND,
      maxConnections: config.MAX_CONNECTIONS,
      maxBufferedBytes: config.MAX_BUFFERED_BYTES,
    },
  });
  security.secure(server.server);
  const connectionLog = createConnectionLog(logger, () => clock.nowMs(), config.MAX_CONNECTIONS);
  const connectionRefused = createConnectionMetrics(registry, server.server);
  server.server.on('drop', () => {
    connectionRefused();
    connectionLog();
  });
  const probeServer =
    config.PROBE_PORT === undefined
      ? undefined
      : await createProbeServer({
          ...timeouts,
          logger,
          clock,
          isDraining: () => readiness.isDraining,
          closingPatienceMs,
          probes,
          metrics: config.METRICS_ACCESS === 'open' ? metrics : undefined,
        });
  return {
    server,
    probeServer,
    async listen() {
      const address = await listenOn(server, config, 'PORT');
      if (probeServer !== undefined) await listenOn(probeServer, config, 'PROBE_PORT');
      return address;
    },
    async close() {
      await Promise.all([server.close(), probeServer?.close()]);
      security.stop();
    },
  };
}

function loadedVersions(catalogue: Catalogue): ModelVersion[] {
  return catalogue
    .entries()
    .flatMap(({ version, state }) => (state === 'ready' && version !== undefined ? [version] : []));
}

/** Versions and models that take no traffic, and why. */
function failedVersions(catalogue: Catalogue): string[] {
  const versions = catalogue
    .entries()
    .flatMap(({ key, state, reason }) => (state === 'failed' ? [reason ?? `${key} has failed`] : []));
  const models = Array.from(catalogue.faulty.values(), ({ reason }) => reason);
  return [...versions, ...models, ...catalogue.folderProblems];
}

/** @throws Fault `invalid_config` where the setting's port cannot be listened on */
async function listenOn(
  server: FastifyInstance,
  config: Config,
  setting: 'PORT' | 'PROBE_PORT',
): Promise<AddressInfo> {
  const port = config[setting] ?? 0;
  try {
    await server.listen({
      host: config.HOST,
      port,
      // Fastify's own words, but for the scheme, which it cannot know.
      listenTextResolver: (address) => {
        const secure = setting === 'PORT' && config.TLS_CERT_FILE !== undefined;
        return `Server listening at ${secure ? address.replace(/^http:/, 'https:') : address}`;
      },
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault(
      'invalid_config',
      [`cannot listen on HOST ${config.HOST}, ${setting} ${port}: ${reason}`],
      error,
    );
  }
  const address = server.server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP address');
  return address;
}
