import http2, { type Http2Server, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { Refusal } from '../../errors.js';
import type { Clock } from '../../serving/clock.js';
import type { GrpcCall } from './call.js';
import { Dispatch, type DispatchOptions } from './dispatch.js';

export interface GrpcServerOptions extends DispatchOptions {
  readonly clock: Clock;
  readonly isDraining: () => boolean;
  /** How long a message may take to arrive, and an answer to be read. */
  readonly requestTimeoutMs: number;
  /** A connection is asked to end after about this long; 0 for never. */
  readonly maxConnectionAgeMs: number;
  /** How long its calls may go on after that. */
  readonly maxConnectionAgeGraceMs: number;
  /** A connection that has been silent so long is pinged, and closed where nobody answers; 0 for never. */
  readonly keepAliveMs: number;
  /** A number from 0 to 1, for connections not to end all at once. */
  readonly random?: () => number;
}

const SETTINGS = {
  enablePush: false,
  // A window of one large message or of some hundred dies, so that nobody waits for an acknowledgement.
  initialWindowSize: 1_048_576,
  maxConcurrentStreams: 1024,
  // As for HTTP/1.1: the ids of a whole batch.
  maxHeaderListSize: 65_536,
};
const CONNECTION_WINDOW_BYTES = 4_194_304;

/** What one connection may keep waiting in memory, megabytes: answers that nobody reads, and what is paused. */
const MAX_SESSION_MEMORY_MB = 32;

const LOOK_MS = 1000;
/** An answer to a ping takes no longer than this. */
const PING_PATIENCE_MS = 20_000;
/** Pings in a second that no client needs. */
const MAX_PINGS = 100;

interface Connection {
  readonly socket: Socket;
  readonly session: Http2Session;
  readonly calls: Set<GrpcCall>;
  /** When it is asked to end; undefined for never. */
  readonly endsAtMs: number | undefined;
  /** When it was asked to end. */
  endingSinceMs: number | undefined;
  /** What had been read of it at the last look, and since when nothing more has come. */
  bytesRead: number;
  silentSinceMs: number;
  pingedAtMs: number | undefined;
  /** Pings since the last look. */
  pings: number;
}

/** gRPC over connections that somebody else has accepted; it listens to nothing itself. */
export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #dispatch: Dispatch;
  readonly #server: Http2Server;
  readonly #connections = new Map<Http2Session, Connection>();
  readonly #sockets = new Map<Socket, Http2Session | undefined>();
  #isClosing = false;
  #cancelLook: () => void = () => {};

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#dispatch = new Dispatch(options);
    this.#server = http2.createServer({ settings: SETTINGS, maxSessionMemory: MAX_SESSION_MEMORY_MB });
    // What breaks a connection ends it, and is told to nobody: its calls are told that their client has gone.
    this.#server.on('sessionError', () => {});
    this.#server.on('stream', (stream, headers) => this.#begin(stream, headers));
  }

  /** Serves a connection of which nothing has been read, or what has been read is put back. */
  serve(socket: Socket): void {
    this.#sockets.set(socket, undefined);
    socket.once('close', () => this.#sockets.delete(socket));
    this.#server.once('session', (session) => this.#open(socket, session));
    this.#server.emit('connection', socket);
  }

  /** Whether a connection is served here. */
  has(socket: Socket): boolean {
    return this.#sockets.has(socket);
  }

  /** Asks every client to leave, and ends each connection when its calls are answered. */
  close(): void {
    this.#isClosing = true;
    for (const connection of this.#connections.values()) this.#askToEnd(connection);
  }

  /** Ends every connection, whatever is still on its way. */
  cutOffAll(): void {
    for (const { session } of this.#connections.values()) session.destroy();
  }

  #open(socket: Socket, session: Http2Session): void {
    const nowMs = this.#options.clock.nowMs();
    const { maxConnectionAgeMs, random = Math.random } = this.#options;
    const connection: Connection = {
      socket,
      session,
      calls: new Set(),
      // A tenth more or less, as in gRPC's other servers: clients that came at once do not leave at once.
      endsAtMs: maxConnectionAgeMs === 0 ? undefined : nowMs + maxConnectionAgeMs * (0.9 + 0.2 * random()),
      endingSinceMs: undefined,
      bytesRead: socket.bytesRead,
      silentSinceMs: nowMs,
      pingedAtMs: undefined,
      pings: 0,
    };
    if (this.#connections.size === 0) this.#lookLater();
    this.#connections.set(session, connection);
    this.#sockets.set(socket, session);
    session.on('error', () => {});
    session.on('ping', () => {
      connection.pings++;
    });
    session.once('close', () => {
      this.#connections.delete(session);
      if (this.#connections.size === 0) this.#cancelLook();
    });
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    if (this.#isClosing) this.#askToEnd(connection);
  }

  #begin(stream: ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
    const { session } = stream;
    const connection = session === undefined ? undefined : this.#connections.get(session);
    if (connection === undefined) {
      stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    const call = this.#dispatch.begin(stream, connection.socket, headers);
    if (call !== undefined) {
      connection.calls.add(call);
      call.onClosed.push(() => connection.calls.delete(call));
    }
    // As over HTTP/1.1, where each answer then closes its connection: the next call is to go elsewhere.
    if (this.#options.isDraining()) this.#askToEnd(connection);
  }

  #askToEnd(connection: Connection): void {
    if (connection.endingSinceMs !== undefined) return;
    connection.endingSinceMs = this.#options.clock.nowMs();
    connection.session.close();
  }

  #lookLater(): void {
    this.#cancelLook = this.#options.clock.after(LOOK_MS, () => {
      const nowMs = this.#options.clock.nowMs();
      for (const connection of this.#connections.values()) this.#look(connection, nowMs);
      if (this.#connections.size > 0) this.#lookLater();
    });
  }

  #look(connection: Connection, nowMs: number): void {
    const { session, endsAtMs, endingSinceMs } = connection;
    const { maxConnectionAgeGraceMs } = this.#options;
    if (endsAtMs !== undefined && nowMs >= endsAtMs) this.#askToEnd(connection);
    const isLate = endingSinceMs !== undefined && nowMs - endingSinceMs >= maxConnectionAgeGraceMs;
    if (isLate && !this.#isClosing && !this.#options.isDraining()) session.destroy();
    else if (connection.pings > MAX_PINGS)
      session.destroy(undefined, http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    else this.#lookForSilence(connection, nowMs);
    connection.pings = 0;
    for (const call of connection.calls) this.#lookAtCall(call, nowMs);
  }

  /** Pings who has not said anything for long, and ends the connection of who does not answer that. */
  #lookForSilence(connection: Connection, nowMs: number): void {
    const { session, socket } = connection;
    const { keepAliveMs } = this.#options;
    if (socket.bytesRead !== connection.bytesRead) {
      connection.bytesRead = socket.bytesRead;
      connection.silentSinceMs = nowMs;
      connection.pingedAtMs = undefined;
    } else if (connection.pingedAtMs !== undefined) {
      if (nowMs - connection.pingedAtMs >= PING_PATIENCE_MS) session.destroy();
    } else if (keepAliveMs > 0 && nowMs - connection.silentSinceMs >= keepAliveMs) {
      connection.pingedAtMs = nowMs;
      session.ping(() => {});
    }
  }

  /** Refuses a message that does not come to its end, and cuts off who does not read its answers. */
  #lookAtCall(call: GrpcCall, nowMs: number): void {
    const { requestTimeoutMs } = this.#options;
    const { writableLength } = call.stream;
    if (writableLength === 0 || writableLength !== call.unreadBytes) {
      call.unreadBytes = writableLength;
      call.unreadSinceMs = nowMs;
    } else if (nowMs - call.unreadSinceMs >= requestTimeoutMs)
      call.stream.close(http2.constants.NGHTTP2_CANCEL);
    if (call.arrivingSinceMs !== undefined && nowMs - call.arrivingSinceMs >= requestTimeoutMs) {
      this.#dispatch.refuse(
        call,
        new Refusal('request_timeout', `the message did not arrive within ${requestTimeoutMs} ms`),
      );
    }
  }
}
