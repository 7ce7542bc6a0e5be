import type { Socket } from 'node:net';
import type { RateHeaders } from '../../callers/rates.js';
import type { Refusal } from '../../errors.js';
import type { Exchange } from '../../exchange/exchange.js';
import type { HeaderRecord } from './http2/headers.js';
import { encodeHeaders } from './http2/hpack.js';
import type { Http2Stream, StreamListener } from './http2/stream.js';
import { framed } from './wire/messages.js';
import { ENCODINGS, type Unpack } from './wire/packed.js';
import { encodeStatusMessage, GrpcStatus, STATUS_OF } from './wire/status.js';

/** What every call is known by. */
interface CallHead {
  readonly stream: Http2Stream;
  readonly socket: Socket;
  /** Metadata, names in lower case, with the pseudo-headers of HTTP/2. */
  readonly headers: HeaderRecord;
  /** `/package.Service/Method`, as it was called. */
  readonly path: string;
  readonly requestId: string;
  /** When its headers had come, on the server's clock. */
  readonly receivedAtMs: number;
}

const OK = encodeHeaders({ 'grpc-status': `${GrpcStatus.OK}` });

/** What every answer begins with. */
const HEAD = { ':status': '200', 'content-type': 'application/grpc', 'grpc-accept-encoding': ENCODINGS };
const HEAD_BLOCK = encodeHeaders(HEAD);

/** Who reads a call. */
type Reading = Pick<StreamListener, 'data' | 'end'>;

/** One call: a stream of HTTP/2 that is answered by messages and, at the end, one status. */
export class GrpcCall implements CallHead, StreamListener {
  readonly stream: Http2Stream;
  readonly socket: Socket;
  readonly headers: HeaderRecord;
  readonly path: string;
  readonly requestId: string;
  readonly receivedAtMs: number;
  /** Unpacks its messages; undefined where none is packed. */
  unpack: Unpack | undefined;
  /** Who calls, once that is known. */
  keyId = '';
  /** What the answer says of the rate that the call was counted for last. */
  rate: RateHeaders | undefined;
  /** What was asked with its message and what became of it; undefined for calls without dies, and for streams. */
  exchange: Exchange | undefined;
  /** Since when a message has been arriving that is not whole, on the server's clock. */
  arrivingSinceMs: number | undefined;
  /** What it was refused with. */
  refusal: Refusal | undefined;
  /** How much of its answers was unread when that was looked at last, bytes, and since when it has been so much. */
  unreadBytes = 0;
  unreadSinceMs: number;
  /** What is to happen when nothing more comes or goes, however it ended. */
  readonly onClosed: (() => void)[] = [];
  /** What is to happen when what was sent has gone out, after {@link send} has said false. */
  onDrain: (() => void) | undefined;
  /** Has a call that may last as long as its client likes come to its end. */
  onLeave: (() => void) | undefined;
  #reading: Reading | undefined;
  #hasBegun = false;
  #hasEnded = false;
  #gone: (() => void)[] = [];

  constructor({ stream, socket, headers, path, requestId, receivedAtMs }: CallHead) {
    this.stream = stream;
    this.socket = socket;
    this.headers = headers;
    this.path = path;
    this.requestId = requestId;
    this.receivedAtMs = receivedAtMs;
    this.unreadSinceMs = receivedAtMs;
    stream.listener = this;
  }

  /** Begins to read what the client sends: until then it waits. */
  read(reading: Reading): void {
    this.#reading = reading;
    this.stream.resume();
  }

  data(bytes: Buffer): void {
    this.#reading?.data(bytes);
  }

  end(): void {
    this.#reading?.end();
  }

  drain(): void {
    this.onDrain?.();
  }

  close(): void {
    this.#reading = undefined;
    for (const close of this.onClosed) close();
    this.onDrain?.();
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    for (const tell of this.#gone.splice(0)) tell();
  }

  /** Whether its status is on its way, or nobody is there to be told. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Registers what is to happen when the client goes before the call has ended. */
  readonly onGone = (listener: () => void): void => {
    this.#gone.push(listener);
  };

  /**
   * Sends one of several answers.
   * @returns false where the client has not read what was sent before: wait for the stream's `drain`
   */
  send(message: Uint8Array): boolean {
    if (this.#hasEnded) return true;
    this.#begin();
    return this.stream.write(framed(message));
  }

  /** Sends the last answer, or none, and the status OK. */
  finish(message?: Uint8Array): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#gone = [];
    this.#begin();
    this.stream.end(message === undefined ? undefined : framed(message), OK);
  }

  /** Ends the call by the status of a refusal. */
  refuse(refusal: Refusal): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#gone = [];
    this.refusal = refusal;
    const trailers = trailersOf(refusal);
    if (this.#hasBegun) this.stream.end(undefined, encodeHeaders(trailers));
    else this.stream.respondAll(encodeHeaders({ ...HEAD, ...this.#own(), ...trailers }));
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.stream.respond(Buffer.concat([HEAD_BLOCK, encodeHeaders(this.#own())]));
  }

  /** Headers of this answer alone. */
  #own(): Record<string, string> {
    const { requestId, rate } = this;
    const own: Record<string, string> = { 'x-request-id': requestId };
    for (const [name, value] of Object.entries(rate ?? {})) own[name] = `${value}`;
    return own;
  }
}

/** The trailers of a refusal: its status, its words, its own code, and when it may be sent again. */
function trailersOf({ code, message, retryAfterSeconds }: Refusal): Record<string, string> {
  return {
    'grpc-status': `${STATUS_OF[code]}`,
    'grpc-message': encodeStatusMessage(message),
    'diegate-code': code,
    ...(retryAfterSeconds === undefined
      ? {}
      : { 'retry-after': `${retryAfterSeconds}`, 'grpc-retry-pushback-ms': `${retryAfterSeconds * 1000}` }),
  };
}
