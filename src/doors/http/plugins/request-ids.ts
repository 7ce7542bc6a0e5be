import fp from 'fastify-plugin';

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
