import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { RateHeaders } from '../../callers/rates.js';
import type { Refusal } from '../../errors.js';
import type { Exchange } from '../../exchange/exchange.js';
import { framed } from './wire/messages.js';
import { encodeStatusMessage, GrpcStatus, STATUS_OF } from './wire/status.js';

/** What every call is known by. */
interface CallHead {
  readonly stream: ServerHttp2Stream;
  readonly socket: Socket;
  /** Metadata, names in lower case, with the pseudo-headers of HTTP/2. */
  readonly headers: IncomingHttpHeaders;
  /** `/package.Service/Method`, as it was called. */
  readonly path: string;
  readonly requestId: string;
  /** When its headers had come, on the server's clock. */
  readonly receivedAtMs: number;
}

const OK: OutgoingHttpHeaders = { 'grpc-status': `${GrpcStatus.OK}` };
const WITH_TRAILERS = { waitForTrailers: true };

/** HTTP/2's "no error": what still comes of the call is not wanted. */
const NO_ERROR = 0;

/** One call: a stream of HTTP/2 that is answered by messages and, at the end, one status. */
export class GrpcCall implements CallHead {
  readonly stream: ServerHttp2Stream;
  readonly socket: Socket;
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
  readonly requestId: string;
  readonly receivedAtMs: number;
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
  #trailers = OK;
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
    stream.on('wantTrailers', () => {
      stream.sendTrailers(this.#trailers);
      this.#leave();
    });
    // A broken stream is followed by its close.
    stream.on('error', ignore);
    stream.on('close', this.#onClose);
  }

  readonly #onClose = (): void => {
    for (const close of this.onClosed) close();
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    for (const tell of this.#gone.splice(0)) tell();
  };

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
    this.#begin();
    if (message === undefined) this.stream.end();
    else this.stream.end(framed(message));
    this.#gone = [];
  }

  /** Ends the call by the status of a refusal. */
  refuse(refusal: Refusal): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.refusal = refusal;
    const trailers = trailersOf(refusal);
    if (this.#hasBegun) {
      this.#trailers = trailers;
      this.stream.end();
    } else {
      this.stream.respond({ ...this.#head(), ...trailers }, { endStream: true });
      this.#leave();
    }
    this.#gone = [];
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.stream.respond(this.#head(), WITH_TRAILERS);
  }

  #head(): OutgoingHttpHeaders {
    const { requestId, rate } = this;
    return {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-accept-encoding': 'identity',
      'x-request-id': requestId,
      ...rate,
    };
  }

  /** What the client still sends of a call that has been answered is not waited for. */
  #leave(): void {
    const { stream } = this;
    // The trailers go out first.
    if (!stream.readableEnded && !stream.destroyed) setImmediate(() => stream.close(NO_ERROR));
  }
}

function ignore(): void {}

/** The trailers of a refusal: its status, its words, its own code, and when it may be sent again. */
function trailersOf({ code, message, retryAfterSeconds }: Refusal): OutgoingHttpHeaders {
  return {
    'grpc-status': `${STATUS_OF[code]}`,
    'grpc-message': encodeStatusMessage(message),
    'diegate-code': code,
    ...(retryAfterSeconds === undefined
      ? {}
      : { 'retry-after': `${retryAfterSeconds}`, 'grpc-retry-pushback-ms': `${retryAfterSeconds * 1000}` }),
  };
}
