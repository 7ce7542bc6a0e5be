import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import fp from 'fastify-plugin';

// Visible ASCII without quotes: safe in a header, a log line and a shell.
const ACCEPTABLE = /^[A-Za-z0-9._:/+=@-]{1,128}$/;

/**
 * Makes request ids: the caller's own `x-request-id` where it is an acceptable one, else a random
 * prefix of this process and a counter.
 */
export function createRequestIds(): (raw: { readonly headers: IncomingHttpHeaders }) => string {
  const prefix = randomBytes(6).toString('hex');
  let count = 0;
  return (raw) => {
    const given = raw.headers['x-request-id'];
    return typeof given === 'string' && ACCEPTABLE.test(given)
      ? given
      : `${prefix}-${(++count).toString(36)}`;
  };
}

/** Returns the request's id with every answer. */
export const requestIdsPlugin = fp(
  (app, _options, done) => {
    app.addHook('onRequest', (request, reply, next) => {
      reply.header('x-request-id', request.id);
      next();
    });
    done();
  },
  { name: 'request-ids' },
);
