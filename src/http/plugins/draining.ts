import fp from 'fastify-plugin';
import { afterAnswers, connectionsShakingHands, openConnections } from '../connections.js';

/**
 * While the server shuts down every answer asks the client to leave the connection, so that its next
 * request goes elsewhere. When the server closes, each connection is closed as soon as the requests
 * that it has brought are answered.
 */
export const drainingPlugin = fp<{ isDraining: () => boolean }>(
  (app, { isDraining }, done) => {
    const open = openConnections(app.server);
    const shakingHands = connectionsShakingHands(app.server);
    // node:http calls this when the server closes. Its own would cut off an answer that is written but
    // not yet sent, and leave open, for its whole idle time-out, a connection that becomes idle later.
    app.server.closeIdleConnections = () => {
      for (const socket of shakingHands.values()) socket.destroy();
      for (const socket of open) {
        afterAnswers(
          socket,
          () => true,
          () => socket.destroySoon(),
        );
      }
    };
    app.addHook('onRequest', (_request, reply, next) => {
      if (isDraining()) reply.header('connection', 'close');
      next();
    });
    done();
  },
  { name: 'draining' },
);
