import fp from 'fastify-plugin';

/**
 * While the server shuts down every answer asks the client to leave the connection, so that its next
 * request goes elsewhere and the server need not wait for idle connections to time out.
 */
export const drainingPlugin = fp<{ isDraining: () => boolean }>(
  (app, { isDraining }, done) => {
    app.addHook('onRequest', (_request, reply, next) => {
      if (isDraining()) reply.header('connection', 'close');
      next();
    });
    done();
  },
  { name: 'draining' },
);
