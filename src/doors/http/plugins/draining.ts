import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import fp from 'fastify-plugin';
import type { Clock } from '../../../serving/clock.js';
import { afterAnswers, answerInFlight, connectionsShakingHands, openConnections } from '../connections.js';
import { ServerEnds } from '../unreadable.js';

interface DrainingOptions {
  readonly isDraining: () => boolean;
  readonly clock: Pick<Clock, 'after' | 'nowMs'>;
  /**
   * Asked when the server closes: how long the rest of a request that has begun to arrive is waited for,
   * milliseconds. The process has to end in time with those that never come to their end, too.
   */
  readonly patienceMs: () => number;
  /** What serves connections in node:http's place. */
  readonly others: readonly OtherConnections[];
}

/** Connections that node:http does not serve, when the server closes. */
interface OtherConnections {
  has(socket: Socket): boolean;
  /** Ends each connection when it has been answered; one that is new has yet to bring its first request. */
  close(): void;
  /** Ends those that have brought nothing. */
  closeNew?(): void;
  /** Refuses what is still arriving. */
  cutOffArriving?(error: Error): void;
  /** Ends all that are left, at the same time. */
  cutOffAll?(): void;
}

/**
 * A client that has just connected sends its first request within this long: a load balancer or a tester that has
 * not heard yet that the server ends is not to find its connection closed without an answer.
 */
const FIRST_REQUEST_MS = 1_000;

// What has arrived while the process waited for its timer, or for a CPU, is read before the server closes: a new
// connection in one turn of the event loop, its request in the next.
const LAST_TURNS = 3;
// The kernel resets what it has accepted and this process has not: closed is in a turn in which nobody came and that was
// short, of at most so many.
const SHORT_TURN_MS = 0.5;
const MAX_TURNS = 200;

/**
 * While the server shuts down every answer asks the client to leave the connection, so that its next
 * request goes elsewhere. When the server closes, each connection is closed as soon as the requests
 * that it has brought are answered; one that has brought none may bring its first, for a moment; and one whose
 * request does not come to its end is refused in time.
 */
export const drainingPlugin = fp<DrainingOptions>(
  (app, { isDraining, clock, patienceMs, others }, done) => {
    const open = openConnections(app.server);
    const shakingHands = connectionsShakingHands(app.server);
    // Of requests that were sent one behind the other, the answer that goes out last.
    const lastAnswers = new WeakMap<Socket, ServerResponse>();
    let isClosing = false;
    const ofNodeHttp = () => [...open].filter((socket) => !others.some((other) => other.has(socket)));
    const endAfterAnswers = (socket: Socket) => {
      announceEnd(lastAnswers.get(socket));
      afterAnswers(
        socket,
        () => true,
        () => socket.destroySoon(),
      );
    };
    const closeNew = () => {
      for (const socket of shakingHands.values()) socket.destroy();
      for (const other of others) other.closeNew?.();
      for (const socket of ofNodeHttp()) if (!lastAnswers.has(socket)) socket.destroySoon();
    };
    const cutOffArriving = () => {
      const error = new ServerEnds();
      for (const other of others) {
        other.cutOffArriving?.(error);
        other.cutOffAll?.();
      }
      for (const socket of ofNodeHttp()) {
        if (answerInFlight(socket)?.req.complete === false) app.server.emit('clientError', error, socket);
      }
    };
    // node:http calls this when the server closes. Its own would cut off an answer that is written but
    // not yet sent, and leave open, for its whole idle time-out, a connection that becomes idle later. From
    // then on it looks for late requests no more, either.
    app.server.closeIdleConnections = () => {
      if (isClosing) return;
      isClosing = true;
      for (const other of others) other.close();
      for (const socket of ofNodeHttp()) if (lastAnswers.has(socket)) endAfterAnswers(socket);
      const leftMs = patienceMs();
      const stops = [
        clock.after(Math.min(FIRST_REQUEST_MS, leftMs), closeNew),
        clock.after(leftMs, cutOffArriving),
      ];
      app.server.once('close', () => {
        for (const stop of stops) stop();
      });
    };
    app.addHook('preClose', async () => {
      await quietTurn(app.server, clock);
      app.server.close();
    });
    app.addHook('onRequest', (request, reply, next) => {
      lastAnswers.set(request.raw.socket, reply.raw);
      if (isDraining()) reply.header('connection', 'close');
      next();
    });
    done();
  },
  { name: 'draining' },
);

async function quietTurn(server: Server, clock: Pick<Clock, 'nowMs'>): Promise<void> {
  let arrived = 0;
  const count = () => {
    arrived++;
  };
  server.on('connection', count);
  let isQuiet = false;
  for (let turn = 0; turn < MAX_TURNS && !(isQuiet && turn >= LAST_TURNS); turn++) {
    arrived = 0;
    const sinceMs = clock.nowMs();
    await turnOfTheLoop();
    isQuiet = arrived === 0 && clock.nowMs() - sinceMs < SHORT_TURN_MS;
  }
  server.off('connection', count);
}

/** A die that was taken before the end began is told of it as well, or its client would send another. */
function announceEnd(answer: ServerResponse | undefined): void {
  if (answer !== undefined && !answer.headersSent) answer.shouldKeepAlive = false;
}
