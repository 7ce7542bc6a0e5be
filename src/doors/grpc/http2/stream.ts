import { ErrorCode } from './errors.js';
import type { HeaderRecord } from './headers.js';
import { ReceiveWindow } from './limits.js';

/** What is told of a stream; each of it at most while the stream is there. */
export interface StreamListener {
  /** A piece of what the client sends. */
  data(bytes: Buffer): void;
  /** The client has sent all. */
  end(): void;
  /** All that was written has gone out, after {@link Http2Stream.write} has said false. */
  drain(): void;
  /** Nothing comes or goes any more: both sides have ended, or one has broken it off. */
  close(): void;
}

/** What sends for a stream. */
interface StreamSender {
  /** Sends headers; the last of the stream where `isEnd`. */
  sendHeaders(stream: Http2Stream, block: Buffer, isEnd: boolean): void;
  /** Sends what the stream has to send, as far as the client lets it. */
  pump(stream: Http2Stream): void;
}

/** What a stream asks of its connection. */
export interface StreamOwner {
  /** Lets the client send as much again as has been taken. */
  taken(stream: Http2Stream, bytes: number): void;
  reset(stream: Http2Stream, code: ErrorCode): void;
  /** Both sides are done. */
  ended(stream: Http2Stream): void;
}

/** Who writes on without looking is told to wait beyond this. */
const HIGH_WATER_BYTES = 65_536;

/** One request and its answer on a connection. */
export class Http2Stream {
  readonly id: number;
  /** Undefined where they are more than the server takes. */
  readonly headers: HeaderRecord | undefined;
  listener: StreamListener | undefined;
  /** What the client lets us send. */
  sendWindow: number;
  /** What we let the client send. */
  readonly window: ReceiveWindow;
  readonly #owner: StreamOwner;
  readonly #sender: StreamSender;
  /** What waits to be sent. */
  readonly #out: Buffer[] = [];
  #outBytes = 0;
  #trailers: Buffer | undefined;
  /** What has come while it was paused. */
  readonly #held: Buffer[] = [];
  /** Until somebody wants it. */
  #isPaused = true;
  /** By `content-length`, where it was given: what is still to come. */
  #missingBytes: number | undefined;
  #hasClientEnded = false;
  #hasToldEnd = false;
  #hasEnded = false;
  #isAnswered = false;
  #isClosed = false;
  #wantsDrain = false;

  constructor(
    { owner, sender }: { readonly owner: StreamOwner; readonly sender: StreamSender },
    id: number,
    headers: HeaderRecord | undefined,
    windows: { send: number; receive: number },
  ) {
    this.#owner = owner;
    this.#sender = sender;
    this.id = id;
    this.headers = headers;
    this.sendWindow = windows.send;
    this.window = new ReceiveWindow(windows.receive);
    const length = headers?.['content-length'];
    this.#missingBytes = length === undefined ? undefined : Number(length);
  }

  /** Whether the client has sent all. */
  get hasClientEnded(): boolean {
    return this.#hasClientEnded;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether all of the answer has gone out. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** Bytes that have come and wait for it to be resumed. */
  get heldBytes(): number {
    return this.#held.reduce((sum, { length }) => sum + length, 0);
  }

  /** Bytes that were written and have not gone out. */
  get waitingBytes(): number {
    return this.#outBytes;
  }

  /** @param block headers as HPACK has them */
  respond(block: Buffer): void {
    if (!this.#isClosed) this.#sender.sendHeaders(this, block, false);
  }

  /** Answers by headers alone. */
  respondAll(block: Buffer): void {
    if (this.#isClosed || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#sender.sendHeaders(this, block, true);
    this.#afterEnd();
  }

  /** @returns false where the client has not read enough of what was written: wait for `drain` */
  write(bytes: Buffer): boolean {
    if (this.#isClosed || this.#hasEnded) return true;
    this.#push(bytes);
    this.#wantsDrain = this.#outBytes > HIGH_WATER_BYTES;
    return !this.#wantsDrain;
  }

  /** Sends what is left, and then the trailers; none where they are empty. */
  end(bytes: Buffer | undefined, trailers: Buffer): void {
    if (this.#isClosed || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#trailers = trailers;
    if (bytes === undefined) this.#sender.pump(this);
    else this.#push(bytes);
  }

  /** Takes nothing more in for a while: what comes is held, and the client is not told to send on. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    while (!this.#isPaused && !this.#isClosed) {
      const bytes = this.#held.shift();
      if (bytes === undefined) break;
      this.#deliver(bytes);
    }
    if (this.#hasClientEnded && this.#held.length === 0 && !this.#isPaused) this.#tellEnd();
  }

  /** Breaks it off. */
  reset(code: ErrorCode): void {
    if (!this.#isClosed) this.#owner.reset(this, code);
  }

  /** For the connection: whether so much more, or the end, is within what `content-length` says. */
  fits(bytes: number, isEnd: boolean): boolean {
    if (this.#missingBytes === undefined) return true;
    this.#missingBytes -= bytes;
    return isEnd ? this.#missingBytes === 0 : this.#missingBytes >= 0;
  }

  /** For the connection: a piece has come. */
  receive(bytes: Buffer): void {
    if (this.#isPaused) this.#held.push(bytes);
    else this.#deliver(bytes);
  }

  /** For the connection: the client has sent all. */
  clientEnded(): void {
    this.#hasClientEnded = true;
    if (this.#held.length === 0 && !this.#isPaused) this.#tellEnd();
  }

  /**
   * For the connection: what may be sent now.
   * @returns a piece of at most `most` bytes; undefined where none waits
   */
  take(most: number): Buffer | undefined {
    const [first] = this.#out;
    if (first === undefined) return undefined;
    if (first.length <= most) this.#out.shift();
    else this.#out[0] = first.subarray(most);
    const piece = first.length <= most ? first : first.subarray(0, most);
    this.#outBytes -= piece.length;
    return piece;
  }

  /** For the connection: the trailers, once everything before them has gone out. */
  takeTrailers(): Buffer | undefined {
    const trailers = this.#out.length === 0 ? this.#trailers : undefined;
    if (trailers !== undefined) this.#trailers = undefined;
    return trailers;
  }

  /** For the connection: it has sent what there was. */
  sent(): void {
    if (this.#out.length > 0 || !this.#wantsDrain) return;
    this.#wantsDrain = false;
    this.listener?.drain();
  }

  /** For the connection: the trailers have gone out. */
  finished(): void {
    this.#afterEnd();
  }

  /** For the connection: it is over. */
  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#out.length = 0;
    this.#held.length = 0;
    this.#outBytes = 0;
    const { listener } = this;
    this.listener = undefined;
    listener?.close();
  }

  #push(bytes: Buffer): void {
    if (bytes.length > 0) this.#out.push(bytes);
    this.#outBytes += bytes.length;
    this.#sender.pump(this);
  }

  #deliver(bytes: Buffer): void {
    this.#owner.taken(this, bytes.length);
    this.listener?.data(bytes);
  }

  #tellEnd(): void {
    if (this.#hasToldEnd) return;
    this.#hasToldEnd = true;
    this.listener?.end();
  }

  /** What the client still sends of a call that has been answered is not waited for (RFC 9113, section 8.1). */
  #afterEnd(): void {
    this.#isAnswered = true;
    if (this.#hasClientEnded) this.#owner.ended(this);
    else this.reset(ErrorCode.NO_ERROR);
  }
}
