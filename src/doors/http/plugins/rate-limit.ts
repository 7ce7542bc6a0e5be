import fp from 'fastify-plugin';
import type { RateLimits } from '../../../callers/rates.js';
import { countCaller } from '../request-rates.js';

/**
 * Limits prediction requests, over all routes together: those of each caller before their bodies are read. Must be
 * registered before the prediction routes, which count those of each equipment once their dies are read.
 */
export const rateLimitPlugin = fp<{ rates: RateLimits }>(
  (app, { rates }, done) => {
    app.addHook('onRequest', (request, reply, next) => {
      if (request.routeOptions.config.predicts === true) next(countCaller(rates, request, reply));
      else next();
    });
    done();
  },
  { name: 'rate-limit', dependencies: ['access'] },
);

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route predicts dies, which is what rates are limited of. */
    predicts?: boolean;
  }
}
