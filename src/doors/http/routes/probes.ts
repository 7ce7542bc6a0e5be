import type { FastifyInstance } from 'fastify';
import { HealthSchema, type Ready, ReadySchema, RootSchema } from '../schemas/status.js';
import type { ZodTypeProvider } from '../zod-provider.js';

export interface ProbeRouteOptions {
  readonly version: string;
  /** Whether the default model can answer. */
  readonly isModelLoaded: () => boolean;
  /** What readiness waits for; empty when ready. */
  readonly missing: () => string[];
  /** Versions that cannot be loaded, and why. */
  readonly failed: () => string[];
  readonly uptimeSeconds: () => number;
  readonly requestsServed: () => number;
}

/** GET /health and /ready. */
export function healthRoutes(app: FastifyInstance, options: ProbeRouteOptions): void {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  routes.get(
    '/health',
    {
      schema: {
        tags: ['operations'],
        summary: 'Liveness: the process can answer',
        response: { 200: HealthSchema },
      },
    },
    async () => ({
      status: 'ok' as const,
      model_loaded: options.isModelLoaded(),
      uptime_seconds: options.uptimeSeconds(),
      requests_served: options.requestsServed(),
    }),
  );
  routes.get(
    '/ready',
    {
      schema: {
        tags: ['operations'],
        summary: 'Readiness: every configured model is loaded and warm, and the server is not draining',
        response: { 200: ReadySchema, 503: ReadySchema },
      },
    },
    async (_request, reply) => {
      const missing = options.missing();
      const answer: Ready = {
        status: missing.length === 0 ? 'ready' : 'not_ready',
        missing,
        failed: options.failed(),
      };
      if (missing.length > 0) reply.code(503).header('retry-after', 1);
      return answer;
    },
  );
}

/** GET /. */
export function rootRoutes(
  app: FastifyInstance,
  { version, hasDocs }: { readonly version: string; readonly hasDocs: boolean },
): void {
  app
    .withTypeProvider<ZodTypeProvider>()
    .get(
      '/',
      { schema: { tags: ['operations'], summary: 'Name, version and links', response: { 200: RootSchema } } },
      async () => ({
        name: 'diegate' as const,
        version,
        links: {
          ...(hasDocs ? { docs: '/docs', openapi: '/openapi.json' } : {}),
          models: '/models',
          predict: '/predict',
          health: '/health',
          ready: '/ready',
          metrics: '/metrics',
        },
      }),
    );
}
