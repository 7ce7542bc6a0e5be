import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { createRequestIds } from '../../exchange/message.js';
import type { Clock } from '../../serving/clock.js';
import { lastAnswers } from './connections.js';
import { createListener } from './listener.js';
import { drainingPlugin } from './plugins/draining.js';
import { createSendRefusal, problemsPlugin } from './plugins/problems.js';
import { requestIdsPlugin } from './plugins/request-ids.js';
import { securityHeadersPlugin } from './plugins/security-headers.js';
import { type MetricsText, metricsRoutes } from './routes/metrics.js';
import { healthRoutes, type ProbeRouteOptions } from './routes/probes.js';
import { createUnreadableAnswer, type UnreadableOptions } from './unreadable.js';
import { NO_COMPILERS, serializeByZod, validateByZod } from './zod-provider.js';

interface ProbeServerOptions {
  readonly logger: FastifyBaseLogger;
  readonly clock: Pick<Clock, 'after' | 'nowMs'>;
  readonly isDraining: () => boolean;
  /** See `DrainingOptions.patienceMs`. */
  readonly closingPatienceMs: () => number;
  readonly probes: ProbeRouteOptions;
  /** Undefined to leave them out. */
  readonly metrics: MetricsText | undefined;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
}

/** A kubelet and a Prometheus need no more. */
const MAX_CONNECTIONS = 64;

/**
 * A server over plain HTTP for those who can present no certificate, such as the kubelet: GET /health and
 * /ready, and /metrics where it is open. It does not listen yet.
 */
export async function createProbeServer(options: ProbeServerOptions): Promise<FastifyInstance> {
  const requestIds = createRequestIds();
  let lastAnswer: UnreadableOptions['lastAnswer'] = () => undefined;
  const app = Fastify({
    serverFactory: (handler) =>
      createListener(handler, { ...options, tls: undefined, maxConnections: MAX_CONNECTIONS }),
    schemaController: NO_COMPILERS,
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (parent) => parent,
    genReqId: requestIds,
    clientErrorHandler: createUnreadableAnswer({
      logger: options.logger,
      nextRequestId: () => requestIds({ headers: {} }),
      lastAnswer: (socket) => lastAnswer(socket),
    }),
  });
  lastAnswer = lastAnswers(app.server);
  app.setValidatorCompiler(validateByZod);
  app.setSerializerCompiler(serializeByZod);
  app.removeAllContentTypeParsers();
  await app.register(drainingPlugin, {
    isDraining: options.isDraining,
    clock: options.clock,
    patienceMs: options.closingPatienceMs,
    others: [],
  });
  await app.register(requestIdsPlugin);
  await app.register(securityHeadersPlugin);
  await app.register(problemsPlugin, { sendRefusal: createSendRefusal([]), hasAdmin: () => false });
  healthRoutes(app, options.probes);
  if (options.metrics !== undefined) metricsRoutes(app, options.metrics, undefined);
  return app;
}
