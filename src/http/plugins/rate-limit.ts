import rateLimit from '@fastify/rate-limit';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { Refusal } from '../../errors.js';

/**
 * Limits the prediction requests of each equipment: the `equipment_id` of the first die, else the API
 * key, else the address. Must be registered before the prediction routes, and runs after their dies
 * have been decoded.
 */
export const rateLimitPlugin = fp<{ perSecond: number }>(
  async (app, { perSecond }) => {
    if (perSecond === 0) return;
    // Before the plugin, whose own hook on each route looks for this.
    app.addHook('onRoute', (route) => {
      if (route.config?.predicts === true) route.config.rateLimit = {};
    });
    await app.register(rateLimit, {
      global: false,
      hook: 'preHandler',
      max: perSecond,
      timeWindow: 1000,
      // Equipment that is known at a time; the least recently seen is forgotten beyond it.
      cache: 10_000,
      keyGenerator: equipmentOf,
      errorResponseBuilder: (request, { max }) =>
        new Refusal(
          'rate_limited',
          `${equipmentOf(request)} is over its ${max} prediction requests a second`,
          {
            retryAfterSeconds: 1,
          },
        ),
    });
  },
  { name: 'rate-limit' },
);

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route predicts dies, which is what rates are limited of. */
    predicts?: boolean;
  }
}

function equipmentOf(request: FastifyRequest): string {
  const equipment = request.measurements?.labels[0]?.equipment_id;
  if (equipment) return `equipment "${equipment}"`;
  return request.keyId === '' ? `address ${request.ip}` : `key "${request.keyId}"`;
}
