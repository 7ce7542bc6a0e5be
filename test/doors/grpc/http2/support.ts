import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { Http2Connection } from '../../../../src/doors/grpc/http2/connection.js';
import { encodeHeaders } from '../../../../src/doors/grpc/http2/hpack.js';
import type { Http2Stream } from '../../../../src/doors/grpc/http2/stream.js';

export const LIMITS = { maxStreams: 8, windowBytes: 65_536, maxHeaderListBytes: 4096 };
const CONNECTION_WINDOW_BYTES = 131_072;

/** A server of bare connections, and what it has met. */
interface Served {
  readonly port: number;
  readonly connections: Http2Connection[];
  readonly streams: Http2Stream[];
  readonly faults: unknown[];
}

export const HEAD = encodeHeaders({ ':status': '200' });
export const TRAILERS = encodeHeaders({ 'grpc-status': '0' });

/** Answers each request by what it was sent. */
export function echo(stream: Http2Stream): void {
  const pieces: Buffer[] = [];
  stream.listener = {
    data: (bytes) => pieces.push(Buffer.from(bytes)),
    end() {
      stream.respond(HEAD);
      stream.end(Buffer.concat(pieces), TRAILERS);
    },
    drain() {},
    close() {},
  };
  stream.resume();
}

/** @param onStream what is done with a request; by default it is never read or answered */
export async function serve(onStream: (stream: Http2Stream) => void = () => {}): Promise<Served> {
  const connections: Http2Connection[] = [];
  const streams: Http2Stream[] = [];
  const faults: unknown[] = [];
  const server = net.createServer({ pauseOnConnect: true }, (socket) => {
    connections.push(
      new Http2Connection(socket, {
        nowMs: () => 0,
        settings: LIMITS,
        windowBytes: CONNECTION_WINDOW_BYTES,
        onStream: (stream) => {
          streams.push(stream);
          onStream(stream);
        },
        onClose: () => {},
        onFault: (error) => faults.push(error),
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const connection of connections) connection.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP address');
  return { port: address.port, connections, streams, faults };
}

/** A frame as a test writes it. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const SETTINGS = frame(4, 0, 0);
export const REQUEST = encodeHeaders({ ':method': 'POST', ':scheme': 'http', ':path': '/a' });

interface SeenFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A client that says what it likes, and sees every frame. */
export class RawClient {
  readonly socket: Socket;
  readonly seen: SeenFrame[] = [];
  isClosed = false;
  #rest: Buffer = Buffer.alloc(0);
  #wake: () => void = () => {};

  constructor(port: number) {
    this.socket = net.connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => this.#receive(chunk));
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
    onTestFinished(() => {
      this.socket.destroy();
    });
  }

  send(...frames: Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** The first frame of a kind that has come or comes; undefined where the connection ends without one. */
  async first(is: (frame: SeenFrame) => boolean): Promise<SeenFrame | undefined> {
    for (;;) {
      const found = this.seen.find(is);
      if (found !== undefined || this.isClosed) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Resolves once the server has read everything that was sent: it answers a ping in its order. */
  async settled(): Promise<void> {
    const mark = Buffer.from(String(this.seen.length).padStart(8, 'm'));
    this.send(frame(6, 0, 0, mark));
    await this.first(({ type, flags, payload }) => type === 6 && flags === 1 && payload.equals(mark));
  }

  #receive(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 9) {
      const end = 9 + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) break;
      const [, , , type = 0, flags = 0] = this.#rest;
      const stream = this.#rest.readUInt32BE(5);
      this.seen.push({ type, flags, stream, payload: this.#rest.subarray(9, end) });
      this.#rest = this.#rest.subarray(end);
    }
    this.#wake();
  }
}
