import type { Socket } from 'node:net';
import { Refusal } from '../../errors.js';
import type { Clock } from '../../serving/clock.js';
import type { GrpcCall } from './call.js';
import { Dispatch, type DispatchOptions } from './dispatch.js';
import { Http2Connection } from './http2/connection.js';
import { ErrorCode } from './http2/errors.js';
import type { Http2Stream } from './http2/stream.js';

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
  /** Bytes of answers, of all connections, that may wait for their readers beside what waits in sockets. */
  readonly maxUnreadBytes: number;
  /** A number from 0 to 1, for connections not to end all at once. */
  readonly random?: () => number;
}

const SETTINGS = {
  maxStreams: 1024,
  // One large message or some hundred dies, so that nobody waits for an acknowledgement.
  windowBytes: 1_048_576,
  // As for HTTP/1.1: the ids of a whole batch.
  maxHeaderListBytes: 65_536,
};
const CONNECTION_WINDOW_BYTES = 4_194_304;

const LOOK_MS = 1000;
/** An answer to a ping takes no longer than this. */
const PING_PATIENCE_MS = 20_000;

interface Connection {
  readonly socket: Socket;
  readonly http2: Http2Connection;
  readonly calls: Set<GrpcCall>;
  /** When it is asked to end; undefined for never. */
  readonly endsAtMs: number | undefined;
  /** When it was asked to end. */
  endingSinceMs: number | undefined;
  /** What had been read of it at the last look, and since when nothing more has come. */
  bytesRead: number;
  silentSinceMs: number;
  pingedAtMs: number | undefined;
  /** Since when headers have been arriving that are not whole. */
  headersSinceMs: number | undefined;
}

/** gRPC over connections that somebody else has accepted; it listens to nothing itself. */
export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #dispatch: Dispatch;
  readonly #connections = new Map<Socket, Connection>();
  #isClosing = false;
  #cancelLook: () => void = () => {};

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#dispatch = new Dispatch(options);
  }

  /** Serves a connection of which nothing has been read, or what has been read is put back. */
  serve(socket: Socket): void {
    const nowMs = this.#options.clock.nowMs();
    const { clock, maxConnectionAgeMs, random = Math.random } = this.#options;
    if (this.#connections.size === 0) this.#lookLater();
    const connection: Connection = {
      socket,
      http2: new Http2Connection(socket, {
        nowMs: () => clock.nowMs(),
        settings: SETTINGS,
        windowBytes: CONNECTION_WINDOW_BYTES,
        onStream: (stream) => this.#begin(stream, connection),
        onClose: () => {
          this.#connections.delete(socket);
          if (this.#connections.size === 0) this.#cancelLook();
        },
        onFault: (err) => this.#options.infer.exchange.logger.error({ err }, 'unexpected error'),
      }),
      calls: new Set(),
      // A tenth more or less, as in gRPC's other servers: clients that came at once do not leave at once.
      endsAtMs: maxConnectionAgeMs === 0 ? undefined : nowMs + maxConnectionAgeMs * (0.9 + 0.2 * random()),
      endingSinceMs: undefined,
      bytesRead: socket.bytesRead,
      silentSinceMs: nowMs,
      pingedAtMs: undefined,
      headersSinceMs: nowMs,
    };
    this.#connections.set(socket, connection);
    if (this.#isClosing) this.#askToEnd(connection);
  }

  /** Whether a connection is served here. */
  has(socket: Socket): boolean {
    return this.#connections.has(socket);
  }

  /** Asks every client to leave, and ends each connection when its calls are answered. */
  close(): void {
    this.#isClosing = true;
    for (const connection of this.#connections.values()) {
      this.#askToEnd(connection);
      for (const call of connection.calls) call.onLeave?.();
    }
  }

  /** Ends every connection, whatever is still on its way. */
  cutOffAll(): void {
    for (const { http2, socket } of [...this.#connections.values()]) {
      http2.destroy();
      // Who does not read is not waited for.
      socket.destroy();
    }
  }

  #begin(stream: Http2Stream, connection: Connection): void {
    const call = this.#dispatch.begin(stream, connection.socket);
    if (call !== undefined && !stream.isClosed) {
      connection.calls.add(call);
      call.onClosed.push(() => connection.calls.delete(call));
    }
    // As over HTTP/1.1, where each answer then closes its connection: the next call is to go elsewhere.
    if (this.#options.isDraining()) this.#askToEnd(connection);
  }

  #askToEnd(connection: Connection): void {
    if (connection.endingSinceMs !== undefined) return;
    connection.endingSinceMs = this.#options.clock.nowMs();
    connection.http2.leave();
  }

  #lookLater(): void {
    this.#cancelLook = this.#options.clock.after(LOOK_MS, () => {
      const nowMs = this.#options.clock.nowMs();
      for (const connection of this.#connections.values()) this.#look(connection, nowMs);
      this.#boundUnread();
      if (this.#connections.size > 0) this.#lookLater();
    });
  }

  #look(connection: Connection, nowMs: number): void {
    const { http2, endsAtMs, endingSinceMs } = connection;
    const { maxConnectionAgeGraceMs } = this.#options;
    // Who has not said that it has seen it is not waited for.
    if (endingSinceMs !== undefined) http2.leaveNow();
    else if (endsAtMs !== undefined && nowMs >= endsAtMs) this.#askToEnd(connection);
    const isLate = endingSinceMs !== undefined && nowMs - endingSinceMs >= maxConnectionAgeGraceMs;
    if (isLate && !this.#isClosing && !this.#options.isDraining()) http2.destroy();
    else if (this.#isStuck(connection, nowMs)) http2.destroy(ErrorCode.ENHANCE_YOUR_CALM);
    else this.#lookForSilence(connection, nowMs);
    for (const call of [...connection.calls]) this.#lookAtCall(call, nowMs);
  }

  /** Whether its headers do not come to their end. */
  #isStuck(connection: Connection, nowMs: number): boolean {
    connection.headersSinceMs = connection.http2.isWithinHeaders
      ? (connection.headersSinceMs ?? nowMs)
      : undefined;
    return nowMs - (connection.headersSinceMs ?? nowMs) >= this.#options.requestTimeoutMs;
  }

  /** Where all that clients have not read is too much, those with the most are cut off. */
  #boundUnread(): void {
    const unread = Array.from(this.#connections.values(), ({ http2, calls }) => ({
      http2,
      bytes: [...calls].reduce((sum, { stream }) => sum + stream.waitingBytes, 0),
    })).sort((a, b) => b.bytes - a.bytes);
    let total = unread.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { http2, bytes } of unread) {
      if (total <= this.#options.maxUnreadBytes) return;
      http2.destroy(ErrorCode.ENHANCE_YOUR_CALM);
      total -= bytes;
    }
  }

  /** Pings who has not said anything for long, and ends the connection of who does not answer that. */
  #lookForSilence(connection: Connection, nowMs: number): void {
    const { http2, socket } = connection;
    const { keepAliveMs } = this.#options;
    if (socket.bytesRead !== connection.bytesRead) {
      connection.bytesRead = socket.bytesRead;
      connection.silentSinceMs = nowMs;
      connection.pingedAtMs = undefined;
    } else if (connection.pingedAtMs !== undefined) {
      if (nowMs - connection.pingedAtMs >= PING_PATIENCE_MS) http2.destroy();
    } else if (keepAliveMs > 0 && nowMs - connection.silentSinceMs >= keepAliveMs) {
      connection.pingedAtMs = nowMs;
      http2.ping();
    }
  }

  /** Refuses a message that does not come to its end, and cuts off who does not read its answers. */
  #lookAtCall(call: GrpcCall, nowMs: number): void {
    const { requestTimeoutMs } = this.#options;
    const { waitingBytes } = call.stream;
    if (waitingBytes === 0 || waitingBytes !== call.unreadBytes) {
      call.unreadBytes = waitingBytes;
      call.unreadSinceMs = nowMs;
    } else if (nowMs - call.unreadSinceMs >= requestTimeoutMs) call.stream.reset(ErrorCode.CANCEL);
    if (call.arrivingSinceMs !== undefined && nowMs - call.arrivingSinceMs >= requestTimeoutMs) {
      this.#dispatch.refuse(
        call,
        new Refusal('request_timeout', `the message did not arrive within ${requestTimeoutMs} ms`),
      );
    }
  }
}
