import { type Server as HttpServer, type IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';

/** The open connections of a server that is not yet listening; over TLS, those that have shaken hands. */
export function openConnections(server: Server): ReadonlySet<Socket> {
  const open = new Set<Socket>();
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return open;
}

/** Connections to a server over TLS that have not shaken hands; of any other server none. */
export function connectionsShakingHands(server: Server): ReadonlyMap<string, Socket> {
  const shaking = new Map<string, Socket>();
  if (!(server instanceof TlsServer)) return shaking;
  // The secured socket is another object, of the same address.
  const addressOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`;
  server.on('connection', (socket: Socket) => {
    const address = addressOf(socket);
    shaking.set(address, socket);
    socket.once('close', () => shaking.delete(address));
  });
  server.on('secureConnection', (socket: Socket) => shaking.delete(addressOf(socket)));
  return shaking;
}

/** The answer to the last request of each connection to a server that is not yet listening. */
export function lastAnswers(server: HttpServer): (socket: Duplex) => ServerResponse | undefined {
  const last = new WeakMap<Duplex, ServerResponse>();
  server.prependListener('request', ({ socket }: IncomingMessage, answer: ServerResponse) => {
    last.set(socket, answer);
  });
  return (socket) => last.get(socket);
}

/** The answer that a connection waits for or is being sent; of pipelined requests the first. */
export function answerInFlight(socket: Duplex): ServerResponse | undefined {
  // node:http keeps it there for the same purpose as ours, under no public name.
  return '_httpMessage' in socket && socket._httpMessage instanceof ServerResponse
    ? socket._httpMessage
    : undefined;
}

/**
 * Calls `run` once no answer that `isAwaited` is in flight on the connection: answers go out in the
 * order of their requests, so nothing may be written, and nothing closed, before them.
 */
export function afterAnswers(
  socket: Duplex,
  isAwaited: (answer: ServerResponse) => boolean,
  run: () => void,
): void {
  const answer = answerInFlight(socket);
  if (answer === undefined || !isAwaited(answer)) run();
  else answer.once('close', () => afterAnswers(socket, isAwaited, run));
}

// Long enough for a client that is in the middle of sending to read the answer and to stop.
const LINGER_MS = 1_000;

/**
 * Ends a connection whose client may still be sending: what it sends is thrown away for a moment first.
 * Closing with unread bytes resets the connection, and the client may lose the answer that explains it.
 */
export function closeAfterLinger(socket: Socket, lastBytes = ''): void {
  socket.end(lastBytes);
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
