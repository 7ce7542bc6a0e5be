import type { Socket } from 'node:net';
import { ErrorCode, Http2Error, StreamError } from './errors.js';
import { Flag, FrameType, frameBytes, MAX_FRAME_BYTES, words } from './frames.js';
import { DEFAULT_WINDOW, LARGEST_WINDOW } from './settings.js';
import type { Http2Stream } from './stream.js';

/** What may wait in the socket before streams wait for it. */
const MAX_WAITING_BYTES = 262_144;
/** Resets that the client may not have seen when it sends more of their streams. */
const REMEMBERED_RESETS = 1024;

/**
 * What goes out on a connection: what is sent in one turn of the event loop goes as one piece, and what streams have to say as
 * far as the client lets them.
 */
export class Sender {
  readonly #socket: Socket;
  /** Streams with something to send that the connection's window or the socket does not let out. */
  readonly #blocked = new Set<Http2Stream>();
  /** Streams that were reset last. */
  readonly #reset = new Set<number>();
  #frames: Buffer[] = [];
  #window = DEFAULT_WINDOW;
  #streamWindow = DEFAULT_WINDOW;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('drain', () => this.#pumpBlocked());
  }

  /** What the client lets a new stream send. */
  get streamWindow(): number {
    return this.#streamWindow;
  }

  /** Whether so much waits for the client to read that its own frames are not answered any more. */
  get isOverfull(): boolean {
    return this.#socket.writableLength > 4 * MAX_WAITING_BYTES;
  }

  send(frame: Buffer): void {
    this.#frames.push(frame);
    if (this.#frames.length === 1) process.nextTick(() => this.flush());
  }

  flush(): void {
    const frames = this.#frames;
    this.#frames = [];
    const [first] = frames;
    if (first === undefined || !this.#socket.writable) return;
    this.#socket.write(frames.length === 1 ? first : Buffer.concat(frames));
  }

  /** Sends headers; the last of the stream where `isEnd`. */
  sendHeaders(stream: Http2Stream, block: Buffer, isEnd: boolean): void {
    const end = isEnd ? Flag.END_STREAM : 0;
    let type: number = FrameType.HEADERS;
    let at = 0;
    do {
      const to = Math.min(at + MAX_FRAME_BYTES, block.length);
      const last = to === block.length ? Flag.END_HEADERS : 0;
      const flags = type === FrameType.HEADERS ? end | last : last;
      this.send(frameBytes(type, flags, stream.id, block.subarray(at, to)));
      type = FrameType.CONTINUATION;
      at = to;
    } while (at < block.length);
  }

  reset(stream: number, code: ErrorCode): void {
    if (this.#reset.size >= REMEMBERED_RESETS) {
      const [oldest] = this.#reset;
      if (oldest !== undefined) this.#reset.delete(oldest);
    }
    this.#reset.add(stream);
    this.send(frameBytes(FrameType.RST_STREAM, 0, stream, words(code)));
  }

  /** Whether the client may send more of a stream because it does not know yet that we have broken it off. */
  hasReset(stream: number): boolean {
    return this.#reset.has(stream);
  }

  /** Sends what a stream has to send, as far as it may. */
  pump(stream: Http2Stream): void {
    while (stream.waitingBytes > 0) {
      if (this.#window <= 0 || this.#socket.writableLength > MAX_WAITING_BYTES) {
        this.#blocked.add(stream);
        return;
      }
      // The stream's own window: it goes on with the client's next WINDOW_UPDATE.
      if (stream.sendWindow <= 0) return;
      const piece = stream.take(Math.min(stream.sendWindow, this.#window, MAX_FRAME_BYTES));
      if (piece === undefined) break;
      stream.sendWindow -= piece.length;
      this.#window -= piece.length;
      this.send(frameBytes(FrameType.DATA, 0, stream.id, piece));
    }
    const trailers = stream.takeTrailers();
    if (trailers === undefined) {
      stream.sent();
      return;
    }
    if (trailers.length > 0) this.sendHeaders(stream, trailers, true);
    else this.send(frameBytes(FrameType.DATA, Flag.END_STREAM, stream.id));
    stream.finished();
  }

  /** The client lets the connection send more. */
  grow(more: number): void {
    this.#window += more;
    if (this.#window > LARGEST_WINDOW)
      throw new Http2Error(ErrorCode.FLOW_CONTROL_ERROR, 'the window has become too large');
    this.#pumpBlocked();
  }

  /** The client lets a stream send more. */
  growStream(stream: Http2Stream, more: number): void {
    stream.sendWindow += more;
    if (stream.sendWindow > LARGEST_WINDOW)
      throw new StreamError(stream.id, ErrorCode.FLOW_CONTROL_ERROR, 'the window has become too large');
    this.pump(stream);
  }

  /** The client has another idea of what a stream may send, of those that are open too. */
  resize(window: number, streams: Iterable<Http2Stream>): void {
    const more = window - this.#streamWindow;
    this.#streamWindow = window;
    for (const stream of [...streams]) {
      stream.sendWindow += more;
      if (stream.sendWindow > LARGEST_WINDOW)
        throw new Http2Error(ErrorCode.FLOW_CONTROL_ERROR, 'the window has become too large');
      this.pump(stream);
    }
  }

  /** A stream has nothing to send any more. */
  forget(stream: Http2Stream): void {
    this.#blocked.delete(stream);
  }

  #pumpBlocked(): void {
    const waiting = [...this.#blocked];
    this.#blocked.clear();
    for (const stream of waiting) this.pump(stream);
  }
}
