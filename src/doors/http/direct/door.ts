import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { ArrivingBytes } from '../../../rows/arriving-bytes.js';
import type { Clock } from '../../../serving/clock.js';
import { type Http2Side, speaksHttp2 } from '../http2-side.js';
import {
  type ConnectionOwner,
  type DirectAdmission,
  DirectConnection,
  type DirectRequest,
} from './connection.js';
import { KnownHeads, type RequestHead } from './request-head.js';

/** What answers plain requests. */
export type DirectHandler = Pick<ConnectionOwner, 'admit' | 'take'>;

interface DirectDoorOptions {
  readonly clock: Clock;
  readonly handler: DirectHandler;
  readonly keepAliveTimeoutMs: number;
  /** How long a request's bytes may take to arrive. */
  readonly requestTimeoutMs: number;
  /** Longest body that is taken here, bytes. */
  readonly maxBodyBytes: number;
  /** What large bodies share. */
  readonly arriving: ArrivingBytes;
  /** Who serves what speaks HTTP/2; undefined where nobody does. */
  readonly http2: Pick<Http2Side, 'serve'> | undefined;
}

// Who has not sent anything by then is waited for by node:http.
const PATIENCE_MS = 1_000;
// However short the time-outs are: a look goes through all connections.
const MIN_INTERVAL_MS = 20;

/**
 * The first to see what arrives at a server of node:http. Connections stay here for as long as their
 * requests are plain; every other request takes its connection to node:http for good.
 */
export class DirectDoor implements ConnectionOwner {
  readonly maxBodyBytes: number;
  readonly arriving: ArrivingBytes;
  readonly #server: Server;
  readonly #options: DirectDoorOptions;
  readonly #serveByHttp: readonly ((socket: Socket) => void)[];
  readonly #heads = new KnownHeads();
  readonly #connections = new Map<Socket, DirectConnection>();
  #cancelLook: () => void = () => {};

  /** @param server which nobody else has begun to listen to yet */
  constructor(server: Server, options: DirectDoorOptions) {
    this.#server = server;
    this.#options = options;
    this.maxBodyBytes = options.maxBodyBytes;
    this.arriving = options.arriving;
    this.#serveByHttp = connectionListeners(server);
    server.removeAllListeners('connection');
    server.on('connection', (socket) => this.#connections.set(socket, new DirectConnection(socket, this)));
    server.once('listening', () => this.#lookLater());
    server.once('close', () => this.#cancelLook());
  }

  /** Whether a connection is served here. */
  has(socket: Socket): boolean {
    return this.#connections.has(socket);
  }

  /** Ends every connection that is served here, each when it has been answered; a new one after its first answer. */
  close(): void {
    for (const connection of this.#connections.values()) {
      if (connection.state === 'new') connection.endAfterAnswer();
      else connection.close();
    }
  }

  /** Ends those that have brought nothing yet. */
  closeNew(): void {
    for (const connection of this.#inState('new')) connection.close();
  }

  /** Ends those whose request is still arriving. */
  cutOffArriving(error: Error): void {
    for (const connection of this.#inState('arriving')) connection.cutOff(error);
  }

  #inState(state: DirectConnection['state']): DirectConnection[] {
    return [...this.#connections.values()].filter((connection) => connection.state === state);
  }

  nowMs(): number {
    return this.#options.clock.nowMs();
  }

  readHead(bytes: Buffer): RequestHead | undefined {
    return this.#heads.read(bytes);
  }

  admit(head: RequestHead, connection: DirectConnection): DirectAdmission | undefined {
    return this.#options.handler.admit(head, connection);
  }

  take(request: DirectRequest, connection: DirectConnection): boolean {
    return this.#options.handler.take(request, connection);
  }

  handOver(socket: Socket, first: Buffer | undefined): void {
    const { http2 } = this.#options;
    if (http2 !== undefined && first !== undefined && speaksHttp2(first)) {
      http2.serve(socket);
      return;
    }
    for (const serve of this.#serveByHttp) serve.call(this.#server, socket);
    socket.resume();
  }

  cutOff(socket: Socket, error: Error): void {
    this.#server.emit('clientError', error, socket);
  }

  closed({ socket }: DirectConnection): void {
    this.#connections.delete(socket);
  }

  #lookLater(): void {
    const { clock, keepAliveTimeoutMs, requestTimeoutMs } = this.#options;
    const shortestMs = Math.min(PATIENCE_MS, keepAliveTimeoutMs, requestTimeoutMs);
    const intervalMs = Math.max(MIN_INTERVAL_MS, shortestMs / 2);
    this.#cancelLook = clock.after(intervalMs, () => {
      const nowMs = this.nowMs();
      for (const connection of this.#connections.values()) {
        const { state } = connection;
        const forMs = nowMs - connection.sinceMs;
        if (state === 'idle' && forMs >= keepAliveTimeoutMs) connection.close();
        else if (state === 'new' && forMs >= PATIENCE_MS) connection.handOver();
        else if (state === 'arriving' && forMs >= requestTimeoutMs) connection.cutOff(new RequestTimedOut());
      }
      this.#lookLater();
    });
  }
}

/** As node:http says it. */
class RequestTimedOut extends Error {
  readonly code = 'ERR_HTTP_REQUEST_TIMEOUT';

  constructor() {
    super('Request timeout');
  }
}

/** What node:http itself does with a new connection. */
function connectionListeners(server: Server): ((socket: Socket) => void)[] {
  return server.listeners('connection').map((listener) => (socket: Socket) => {
    Reflect.apply(listener, server, [socket]);
  });
}
