import type { Server } from 'node:http';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Access } from '../../callers/access.js';
import { createClientAddress } from '../../callers/client-address.js';
import { RateLimits, type Rates } from '../../callers/rates.js';
import type { ExchangeParts } from '../../exchange/exchange.js';
import type { AnswerObserver } from '../../exchange/message.js';
import { createRequestIds } from '../../exchange/message.js';
import type { CanaryDriver } from '../../lifecycle/canary-driver.js';
import type { ModelChanges } from '../../lifecycle/model-changes.js';
import type { Catalogue } from '../../models/catalogue.js';
import { CatalogueEngine } from '../../oip/catalogue-engine.js';
import type { InferStatistics } from '../../oip/statistics.js';
import type { Predictor } from '../../prediction/predictor.js';
import type { Experiments } from '../../routing/experiments.js';
import type { OutcomeAccounts } from '../../routing/outcome-accounts.js';
import { ArrivingBytes } from '../../rows/arriving-bytes.js';
import { CallReader, type DecodeObserver, DieReader } from '../../rows/read-dies.js';
import type { TlsMaterial } from '../../secrets/tls.js';
import type { Clock } from '../../serving/clock.js';
import type { Tracer } from '../../tracing/tracer.js';
import { lastAnswers } from './connections.js';
import { bodyParsers } from './die-bodies.js';
import { AnswerWriter } from './direct/answer-text.js';
import { DirectDoor, type DirectHandler } from './direct/door.js';
import { DirectPredict, type DirectPredictOptions } from './direct/predict-directly.js';
import type { Http2Side, SharedParts } from './http2-side.js';
import { createListener, serveHttp2ByAlpn } from './listener.js';
import { OIP_ERRORS, OIP_PREFIX } from './oip/error-form.js';
import { oipRoutes } from './oip/routes.js';
import { accessPlugin } from './plugins/access.js';
import { corsPlugin, headersWithoutOrigin } from './plugins/cors.js';
import { docsPlugin } from './plugins/docs.js';
import { drainingPlugin } from './plugins/draining.js';
import { observePlugin } from './plugins/observe.js';
import { createSendRefusal, httpRefusalOf, problemsPlugin } from './plugins/problems.js';
import { requestIdsPlugin } from './plugins/request-ids.js';
import { SECURITY_HEADERS, securityHeadersPlugin } from './plugins/security-headers.js';
import { slowReadersPlugin } from './plugins/slow-readers.js';
import { tracePlugin } from './plugins/trace.js';
import { adminRoutes } from './routes/admin.js';
import { type DriftReports, driftRoutes } from './routes/drift.js';
import { experimentRoutes } from './routes/experiments.js';
import { type MetricsText, metricsRoutes } from './routes/metrics.js';
import { modelRoutes } from './routes/models.js';
import { type OutcomeObserver, outcomeRoutes } from './routes/outcomes.js';
import { predictRoutes } from './routes/predict.js';
import type { PredictionLookUps } from './routes/predictions.js';
import { healthRoutes, type ProbeRouteOptions, rootRoutes } from './routes/probes.js';
import { trafficRoutes } from './routes/traffic.js';
import { createUnreadableAnswer, type UnreadableOptions } from './unreadable.js';
import { NO_COMPILERS, serializeByZod, validateByZod } from './zod-provider.js';

interface ServerOptions {
  readonly logger: FastifyBaseLogger;
  readonly clock: Clock;
  readonly catalogue: Catalogue;
  readonly predictor: Predictor;
  readonly admit: ExchangeParts['admit'];
  readonly renew: ExchangeParts['renew'];
  /** Undefined where no records are kept. */
  readonly records: ExchangeParts['records'];
  /** Where they are looked up. */
  readonly lookUps: PredictionLookUps | undefined;
  readonly isDraining: () => boolean;
  /** See `DrainingOptions.patienceMs`. */
  readonly closingPatienceMs: () => number;
  readonly drift: DriftReports;
  readonly experiments: Experiments;
  readonly canaries: Pick<CanaryDriver, 'observation'>;
  readonly changes: ModelChanges;
  readonly probes: ProbeRouteOptions;
  readonly metrics: MetricsText;
  readonly observers: readonly AnswerObserver[];
  /** Records the spans of prediction requests; undefined where nobody does. */
  readonly tracer: Tracer | undefined;
  readonly onDecoded: DecodeObserver;
  readonly onOutcomes: OutcomeObserver;
  readonly outcomes: Pick<OutcomeAccounts, 'of' | 'rateOf'>;
  /** See `CatalogueEngineOptions.statistics`. */
  readonly statistics: InferStatistics;
  /** Makes what serves HTTP/2; undefined where nobody does. */
  readonly http2: ((shared: SharedParts) => Http2Side) | undefined;
  readonly security: Security;
  readonly limits: HttpLimits;
}

/** Who may call, and how. */
export interface Security {
  /** Who may do what; undefined where nobody is asked. */
  readonly access: Access | undefined;
  /** What the server shows and asks for over TLS; undefined for plain HTTP. */
  readonly tls: TlsMaterial | undefined;
  readonly metricsAccess: 'open' | 'read';
  readonly docsAccess: 'open' | 'read' | 'off';
  /** Origins whose pages may call from a browser. */
  readonly corsOrigins: readonly string[];
  /** Addresses and networks of proxies whose x-forwarded-for is believed. */
  readonly trustedProxies: readonly string[];
}

/** What one caller, or all together, may take. */
interface HttpLimits extends Rates {
  readonly maxBodyBytes: number;
  readonly maxBatchDies: number;
  /** How long a request's bytes may take to arrive, and an answer's to be taken. */
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly maxConnections: number;
  /** Bytes of large bodies that may be arriving, and of answers that may wait for their readers. */
  readonly maxBufferedBytes: number;
}

/** Longest part of a path that can name anything, with room for percent-encoding. */
const MAX_PARAM_LENGTH = 256;

/** The HTTP server: every plugin and every route of the contract; it does not listen yet. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { logger, limits, security } = options;
  const requestIds = createRequestIds();
  const hasAdmin = security.access?.hasAdmin() ?? false;
  const sendRefusal = createSendRefusal([OIP_ERRORS]);
  let lastAnswer: UnreadableOptions['lastAnswer'] = () => undefined;
  const app = Fastify({
    serverFactory: (handler) =>
      createListener(handler, { ...limits, tls: security.tls, http2: options.http2 !== undefined }),
    ...(security.trustedProxies.length === 0 ? {} : { trustProxy: [...security.trustedProxies] }),
    schemaController: NO_COMPILERS,
    loggerInstance: logger,
    // One line for each prediction comes from the prediction log; Fastify's two for each request would
    // cost more than decoding a die.
    logController: new LogController({ disableRequestLogging: true }),
    // A child logger for each request costs as much; what is logged names its request_id itself.
    childLoggerFactory: (parent) => parent,
    genReqId: requestIds,
    // Requests that arrive while closing get our own refusal, from the draining plugin.
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, ignoreTrailingSlash: true },
    clientErrorHandler: createUnreadableAnswer({
      logger,
      nextRequestId: () => requestIds({ headers: {} }),
      lastAnswer: (socket) => lastAnswer(socket),
    }),
    // No hook runs for these, so the headers of every answer are set here.
    frameworkErrors: (error, request, reply) =>
      sendRefusal(
        httpRefusalOf(error),
        request,
        reply.headers(SECURITY_HEADERS).header('x-request-id', request.id),
      ),
  });
  lastAnswer = lastAnswers(app.server);
  // An expectation that is not known may be ignored (RFC 9110, section 10.1.1); node:http would answer 417.
  // To a request behind others node:http may write 100 Continue into the middle of its answer, and the client
  // takes what follows for another one. Such a request gets none, and its answer closes the connection.
  app.server.on('checkContinue', (request, response) => {
    if (response.socket !== null) response.writeContinue();
    app.server.emit('request', request, response);
  });
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
  const reader = new DieReader(limits.maxBatchDies, options.onDecoded);
  const calls = new CallReader({ reader, admit: options.admit });
  // Before the plugins, which are to see every connection too.
  const arriving = new ArrivingBytes(limits.maxBufferedBytes);
  const rates = new RateLimits(limits, options.clock);
  const clientAddress = createClientAddress(security.trustedProxies);
  const { clock, observers, admit, renew, predictor, records } = options;
  const parts: ExchangeParts = { clock, logger, observers, admit, renew, predictor, rates, reader, records };
  const engine = new CatalogueEngine({ ...options, missing: options.probes.missing });
  const http2 = options.http2?.({ exchange: parts, engine, reader, arriving, requestIds, clientAddress });
  const direct =
    security.tls === undefined
      ? openDirectDoor(app.server, arriving, http2, options, { ...parts, calls, requestIds, clientAddress })
      : undefined;
  if (direct === undefined && http2 !== undefined) serveHttp2ByAlpn(app.server, http2);
  app.setValidatorCompiler(validateByZod);
  app.setSerializerCompiler(serializeByZod);
  bodyParsers(app, limits.maxBodyBytes, arriving);

  await app.register(observePlugin, { ...parts, clientAddress });
  await app.register(tracePlugin, { tracer: options.tracer });
  await app.register(requestIdsPlugin);
  await app.register(securityHeadersPlugin);
  await app.register(problemsPlugin, {
    sendRefusal,
    hasAdmin: () => security.access?.hasAdmin() === true,
  });
  await app.register(drainingPlugin, {
    isDraining: options.isDraining,
    clock: options.clock,
    patienceMs: options.closingPatienceMs,
    others: [direct, http2].filter((one) => one !== undefined),
  });
  await app.register(slowReadersPlugin, {
    timeoutMs: limits.requestTimeoutMs,
    maxUnreadBytes: limits.maxBufferedBytes,
    clock: options.clock,
  });
  await app.register(corsPlugin, { origins: security.corsOrigins });
  await app.register(accessPlugin, { access: security.access });
  if (security.docsAccess !== 'off') {
    await app.register(docsPlugin, {
      version: options.probes.version,
      keysAsked: security.access !== undefined,
      hasAdmin,
      permission: security.docsAccess === 'read' ? 'read' : undefined,
    });
  }

  healthRoutes(app, options.probes);
  rootRoutes(app, { version: options.probes.version, hasDocs: security.docsAccess !== 'off' });
  metricsRoutes(app, options.metrics, security.metricsAccess === 'read' ? 'read' : undefined);
  modelRoutes(app, options);
  driftRoutes(app, options);
  experimentRoutes(app, options);
  trafficRoutes(app, options);
  adminRoutes(app, { ...options, isDocumented: hasAdmin });
  outcomeRoutes(app, options);
  if (options.lookUps !== undefined)
    (await import('./routes/predictions.js')).predictionRoutes(app, options.lookUps);
  predictRoutes(app, { ...options, ...parts, calls });
  await app.register(oipRoutes, {
    prefix: OIP_PREFIX,
    engine,
    version: options.probes.version,
    maxBodyBytes: limits.maxBodyBytes,
    arriving,
    maxBatchDies: limits.maxBatchDies,
    exchange: parts,
    isControlDocumented: hasAdmin,
  });
  return app;
}

/** The first to see what arrives over TCP. Over TLS, bytes are node:tls's first. */
function openDirectDoor(
  server: Server,
  arriving: ArrivingBytes,
  http2: Http2Side | undefined,
  { clock, isDraining, limits, security, tracer }: ServerOptions,
  shared: ExchangeParts & Pick<DirectPredictOptions, 'calls' | 'requestIds' | 'clientAddress'>,
): DirectDoor {
  const { keepAliveTimeoutMs, requestTimeoutMs, maxBodyBytes } = limits;
  const writer = new AnswerWriter(keepAliveTimeoutMs, headersWithoutOrigin(security.corsOrigins));
  const handler =
    tracer === undefined
      ? new DirectPredict({ ...shared, isDraining, writer, access: security.access })
      : BY_PLUGINS;
  const timeouts = { keepAliveTimeoutMs, requestTimeoutMs };
  return new DirectDoor(server, { clock, handler, ...timeouts, maxBodyBytes, arriving, http2 });
}

/** Where requests are traced, which a plugin does, none of them is read directly. */
const BY_PLUGINS: DirectHandler = { admit: () => undefined, take: () => false };
