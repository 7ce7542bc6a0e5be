import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { ModelChanges } from '../lifecycle/model-changes.js';
import type { Catalogue } from '../models/catalogue.js';
import type { Predictor } from '../prediction/predictor.js';
import type { Experiments } from '../routing/experiments.js';
import type { Target } from '../routing/targets.js';
import type { Clock } from '../serving/clock.js';
import type { Tracer } from '../tracing/tracer.js';
import { type ApiKeys, apiKeysPlugin, hasAdmin } from './plugins/api-keys.js';
import { docsPlugin } from './plugins/docs.js';
import { drainingPlugin } from './plugins/draining.js';
import { type HttpObserver, observePlugin } from './plugins/observe.js';
import { problemsPlugin, refusalOf, sendProblem } from './plugins/problems.js';
import { rateLimitPlugin } from './plugins/rate-limit.js';
import { createRequestIds, requestIdsPlugin } from './plugins/request-ids.js';
import { SECURITY_HEADERS, securityHeadersPlugin } from './plugins/security-headers.js';
import { tracePlugin } from './plugins/trace.js';
import { bodyParsers, type DecodeObserver } from './read-dies.js';
import { adminRoutes } from './routes/admin.js';
import { experimentRoutes } from './routes/experiments.js';
import { type MetricsText, metricsRoutes } from './routes/metrics.js';
import { modelRoutes } from './routes/models.js';
import { type OutcomeObserver, outcomeRoutes } from './routes/outcomes.js';
import { predictRoutes } from './routes/predict.js';
import { type ProbeRouteOptions, probeRoutes } from './routes/probes.js';
import { createUnreadableAnswer } from './unreadable.js';
import { serializeByZod, validateByZod } from './zod-provider.js';

export interface ServerOptions {
  readonly logger: FastifyBaseLogger;
  readonly clock: Clock;
  readonly catalogue: Catalogue;
  readonly predictor: Predictor;
  /** See `PredictRouteOptions.admit`. */
  readonly admit: (model: string | undefined, version: string | undefined) => Target | Promise<Target>;
  readonly isDraining: () => boolean;
  readonly experiments: Experiments;
  readonly changes: ModelChanges;
  readonly probes: ProbeRouteOptions;
  readonly metrics: MetricsText;
  readonly observers: readonly HttpObserver[];
  /** Records the spans of prediction requests; undefined where nobody does. */
  readonly tracer: Tracer | undefined;
  readonly onDecoded: DecodeObserver;
  readonly onOutcomes: OutcomeObserver;
  readonly apiKeys: ApiKeys | undefined;
  readonly limits: {
    readonly maxBodyBytes: number;
    readonly maxBatchDies: number;
    readonly requestTimeoutMs: number;
    readonly keepAliveTimeoutMs: number;
    readonly ratePerSecond: number;
  };
}

/** Longest part of a path that can name anything, with room for percent-encoding. */
const MAX_PARAM_LENGTH = 256;

/** Room for the x-die-ids of a whole batch; node:http's own limit is 16 KiB. */
const MAX_HEADER_BYTES = 65_536;

/** The HTTP server: every plugin and every route of the contract; it does not listen yet. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { logger, limits } = options;
  const requestIds = createRequestIds();
  const app = Fastify({
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: limits.requestTimeoutMs,
      // node:http looks for late requests only this often, by default every 30 s.
      connectionsCheckingInterval: Math.ceil(Math.min(1_000, limits.requestTimeoutMs / 2)),
      // Refused by the problems plugin, with a problem.
      requireHostHeader: false,
    },
    loggerInstance: logger,
    // One line for each prediction comes from the prediction log; Fastify's two for each request would
    // cost more than decoding a die.
    logController: new LogController({ disableRequestLogging: true }),
    // A child logger for each request costs as much; what is logged names its request_id itself.
    childLoggerFactory: (parent) => parent,
    genReqId: requestIds,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    // Requests that arrive while closing get our own refusal, from the draining plugin.
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, ignoreTrailingSlash: true },
    clientErrorHandler: createUnreadableAnswer({ logger, nextRequestId: () => requestIds({ headers: {} }) }),
    // No hook runs for these, so the headers of every answer are set here.
    frameworkErrors: (error, request, reply) =>
      sendProblem(
        refusalOf(error),
        request,
        reply.headers(SECURITY_HEADERS).header('x-request-id', request.id),
      ),
  });
  // An expectation that is not known may be ignored (RFC 9110, section 10.1.1); node:http would answer 417.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
  app.setValidatorCompiler(validateByZod);
  app.setSerializerCompiler(serializeByZod);
  bodyParsers(app, limits.maxBodyBytes);

  await app.register(observePlugin, { clock: options.clock, observers: options.observers });
  await app.register(tracePlugin, { tracer: options.tracer });
  await app.register(requestIdsPlugin);
  await app.register(securityHeadersPlugin);
  await app.register(problemsPlugin);
  await app.register(drainingPlugin, { isDraining: options.isDraining });
  await app.register(apiKeysPlugin, { keys: options.apiKeys });
  await app.register(rateLimitPlugin, { perSecond: limits.ratePerSecond });
  await app.register(docsPlugin, {
    version: options.probes.version,
    keysAsked: options.apiKeys !== undefined,
  });

  probeRoutes(app, options.probes);
  metricsRoutes(app, options.metrics);
  modelRoutes(app, options);
  experimentRoutes(app, options);
  // Without a key that may, nobody could use them: then they do not exist.
  if (hasAdmin(options.apiKeys)) adminRoutes(app, options);
  outcomeRoutes(app, options);
  predictRoutes(app, { ...options, maxBatchDies: limits.maxBatchDies });
  return app;
}
