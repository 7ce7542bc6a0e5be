import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { Refusal } from '../../errors.js';

export interface RateLimitOptions {
  /** Prediction requests a second for each equipment; 0 for no limit. */
  readonly perEquipment: number;
  /** The same for each caller, whatever equipment it names; 0 for no limit. */
  readonly perCaller: number;
}

// Equipment and callers that are known at a time; the least recently seen is forgotten beyond it.
const MAX_KNOWN = 10_000;
const WINDOW_MS = 1_000;

/**
 * Limits prediction requests, over all routes together: those of each caller before their bodies are read,
 * those of each equipment (the `equipment_id` of the first die) once their dies are. Must be registered
 * before the prediction routes. Answers carry the headers of draft-ietf-httpapi-ratelimit-headers.
 */
export const rateLimitPlugin = fp<RateLimitOptions>(
  async (app, { perEquipment, perCaller }) => {
    if (perEquipment === 0 && perCaller === 0) return;
    // Loaded where there is a limit only: the start need not wait for it elsewhere.
    const { default: rateLimit } = await import('@fastify/rate-limit');
    await app.register(rateLimit, { global: false, cache: MAX_KNOWN, timeWindow: WINDOW_MS });
    if (perCaller > 0) {
      const limit = createLimit(app, 'caller', perCaller, callerOf);
      app.addHook('onRequest', async (request, reply) => {
        if (request.routeOptions.config.predicts === true) await limit(request, reply);
      });
    }
    if (perEquipment > 0) {
      const limit = createLimit(app, 'equipment', perEquipment, equipmentOf);
      // A hook of the whole server would run before the route's own, which reads the dies.
      app.addHook('onRoute', (route) => {
        if (route.config?.predicts === true) route.preHandler = [route.preHandler ?? [], limit].flat();
      });
    }
  },
  { name: 'rate-limit', dependencies: ['access'] },
);

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route predicts dies, which is what rates are limited of. */
    predicts?: boolean;
  }
}

/** A limit with one count for each key; it throws the refusal of what is beyond it. */
function createLimit(
  app: FastifyInstance,
  name: string,
  max: number,
  keyOf: (request: FastifyRequest) => string,
): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  const count = app.createRateLimit({ max, keyGenerator: keyOf });
  const policy = `"${name}";q=${max};w=${WINDOW_MS / 1_000}`;
  return async (request, reply) => {
    const counted = await count(request);
    if (counted.isAllowed) return;
    const resetSeconds = Math.max(1, counted.ttlInSeconds);
    reply.header('ratelimit-policy', policy);
    reply.header('ratelimit', `"${name}";r=${counted.remaining};t=${resetSeconds}`);
    if (!counted.isExceeded) return;
    throw new Refusal('rate_limited', `${keyOf(request)} is over its ${max} prediction requests a second`, {
      retryAfterSeconds: resetSeconds,
    });
  };
}

function callerOf(request: FastifyRequest): string {
  return request.keyId === '' ? `address ${request.ip}` : `key "${request.keyId}"`;
}

/** Of a caller's own, so that nobody uses up the rate of somebody else's equipment. */
function equipmentOf(request: FastifyRequest): string {
  const equipment = request.measurements?.labels[0]?.equipment_id;
  if (!equipment) return callerOf(request);
  return request.keyId === ''
    ? `equipment "${equipment}"`
    : `equipment "${equipment}" of key "${request.keyId}"`;
}
