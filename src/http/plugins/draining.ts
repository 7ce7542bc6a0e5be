import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import fp from 'fastify-plugin';
import { afterAnswers, connectionsShakingHands, openConnections } from '../connections.js';

export interface DrainingOptions {
  readonly isDraining: () => boolean;
  /** What serves connections before node:http; undefined where nobody does. */
  readonly direct: { has(socket: Socket): boolean; close(): void } | undefined;
}

/**
 * While the server shuts down every answer asks the client to leave the connection, so that its next
 * request goes elsewhere. When the server closes, each connection is closed as soon as the requests
 * that it has brought are answered.
 */
export const drainingPlugin = fp<DrainingOptions>(
  (app, { isDraining, direct }, done) => {
    const open = openConnections(app.server);
    const shakingHands = connectionsShakingHands(app.server);
    // Of requests that were sent one behind the other, the answer that goes out last.
    const lastAnswers = new WeakMap<Socket, ServerResponse>();
    // node:http calls this when the server closes. Its own would cut off an answer that is written but
    // not yet sent, and leave open, for its whole idle time-out, a connection that becomes idle later.
    app.server.closeIdleConnections = () => {
      for (const socket of shakingHands.values()) socket.destroy();
      direct?.close();
      for (const socket of open) {
        if (direct?.has(socket)) continue;
        announceEnd(lastAnswers.get(socket));
        afterAnswers(
          socket,
          () => true,
          () => socket.destroySoon(),
        );
      }
    };
    app.addHook('onRequest', (request, reply, next) => {
      lastAnswers.set(request.raw.socket, reply.raw);
      if (isDraining()) reply.header('connection', 'close');
      next();
    });
    done();
  },
  { name: 'draining' },
);

/** A die that was taken before the end began is told of it as well, or its client would send another. */
function announceEnd(answer: ServerResponse | undefined): void {
  if (answer !== undefined && !answer.headersSent) answer.shouldKeepAlive = false;
}
