import type { Socket } from 'node:net';

import { ErrorCode, Http2Error, StreamError, violation } from './errors.js';
import {
  assertLength,
  contentOf,
  Flag,
  FrameType,
  frameBytes,
  type Http2Frame,
  Http2FrameReader,
  words,
} from './frames.js';
import { assertOtherParent, type HeaderBlock, HeaderBlocks } from './header-blocks.js';
import { areTrailers, requestHeaders } from './headers.js';
import { HeaderDecoder } from './hpack.js';
import { Allowance, ReceiveWindow } from './limits.js';
import { Sender } from './sender.js';
import {
  DEFAULT_WINDOW,
  LARGEST_WINDOW,
  type OwnSettings,
  readSettings,
  settingsPayload,
} from './settings.js';
import { Http2Stream, type StreamOwner } from './stream.js';

interface ConnectionOptions {
  readonly nowMs: () => number;
  readonly settings: OwnSettings;
  /** What the client may send on all streams together before any of it is taken, bytes. */
  readonly windowBytes: number;
  /** A request has begun; whoever takes it sets the stream's listener at once. */
  readonly onStream: (stream: Http2Stream) => void;
  readonly onClose: () => void;
  /** Told of what nobody foresaw, which ends the connection. */
  readonly onFault: (error: unknown) => void;
}

// Some clients ping with every answer, and a deadline that passes resets a stream: so many cost a hundredth of a core.
const MOST_RESETS = { atOnce: 1000, perSecond: 1000 };
const MOST_CONTROL = { atOnce: 2000, perSecond: 2000 };
const GOODBYE = Buffer.from('goodbye!');

/**
 * One connection of HTTP/2 as a server sees it (RFC 9113), over a socket that somebody else has accepted. It keeps to the
 * protocol and bounds what a peer can cost; of requests and answers it knows nothing. node:http2 takes two to three times the
 * processor time for each request of a few kilobytes.
 */
export class Http2Connection implements StreamOwner {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #reader = new Http2FrameReader((frame) => this.#take(frame));
  readonly #headers: HeaderDecoder;
  readonly #streams = new Map<number, Http2Stream>();
  readonly #resets: Allowance;
  readonly #control: Allowance;
  readonly #handlers: Readonly<Record<number, (frame: Http2Frame) => void>> = {
    [FrameType.DATA]: (frame) => this.#data(frame),
    [FrameType.HEADERS]: (frame) => this.#haveBlock(this.#blocks.begin(frame)),
    [FrameType.PRIORITY]: (frame) => this.#priority(frame),
    [FrameType.RST_STREAM]: (frame) => this.#resetByClient(frame),
    [FrameType.SETTINGS]: (frame) => this.#settings(frame),
    [FrameType.PUSH_PROMISE]: () => {
      throw violation('a client has nothing to push');
    },
    [FrameType.PING]: (frame) => this.#pinged(frame),
    [FrameType.GOAWAY]: ({ stream }) => {
      if (stream !== 0) throw violation('GOAWAY on a stream');
    },
    [FrameType.WINDOW_UPDATE]: (frame) => this.#windowUpdate(frame),
    [FrameType.CONTINUATION]: ({ payload, flags }) => this.#haveBlock(this.#blocks.add(payload, flags)),
  };
  readonly #sender: Sender;
  readonly #blocks = new HeaderBlocks();
  readonly #window: ReceiveWindow;
  #hasSettings = false;
  #lastStream = 0;
  /** `leaving` when the client has been asked to go, `last` when it knows. */
  #state: 'open' | 'leaving' | 'last' | 'closed' = 'open';

  /** @param socket of which nothing has been read, or what has been read was put back */
  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#headers = new HeaderDecoder(options.settings.maxHeaderListBytes);
    const nowMs = options.nowMs();
    this.#resets = new Allowance(MOST_RESETS.atOnce, MOST_RESETS.perSecond, nowMs);
    this.#control = new Allowance(MOST_CONTROL.atOnce, MOST_CONTROL.perSecond, nowMs);
    this.#sender = new Sender(socket);
    this.#window = new ReceiveWindow(options.windowBytes);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.#socket.end());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#closed());
    this.#send(frameBytes(FrameType.SETTINGS, 0, 0, settingsPayload(options.settings)));
    const more = options.windowBytes - DEFAULT_WINDOW;
    this.#send(frameBytes(FrameType.WINDOW_UPDATE, 0, 0, words(more)));
    socket.resume();
  }

  /** Whether headers have begun to come and not ended. */
  get isWithinHeaders(): boolean {
    return this.#blocks.isWithin || !this.#hasSettings;
  }

  /** Asks for a sign of life; any byte that comes is one. */
  ping(): void {
    this.#send(frameBytes(FrameType.PING, 0, 0, Buffer.alloc(8)));
  }

  /**
   * Asks the client to open no more streams here, and ends the connection when those that are open are done. What it opens
   * before it knows is served.
   */
  leave(): void {
    if (this.#state !== 'open') return;
    this.#state = 'leaving';
    this.#send(frameBytes(FrameType.GOAWAY, 0, 0, words(LARGEST_WINDOW, ErrorCode.NO_ERROR)));
    this.#send(frameBytes(FrameType.PING, 0, 0, GOODBYE));
  }

  /** Of a client that has been asked to leave and says nothing to it: what it opens from now on is not served. */
  leaveNow(): void {
    if (this.#state === 'leaving') this.#sayLast();
  }

  /** Ends the connection at once. */
  destroy(code: ErrorCode = ErrorCode.NO_ERROR): void {
    if (this.#state === 'closed') return;
    this.#send(frameBytes(FrameType.GOAWAY, 0, 0, words(this.#lastStream, code)));
    this.#end();
  }

  taken(stream: Http2Stream, bytes: number): void {
    this.#acknowledge(bytes);
    const more = stream.window.taken(bytes);
    if (more > 0 && !stream.hasClientEnded)
      this.#send(frameBytes(FrameType.WINDOW_UPDATE, 0, stream.id, words(more)));
  }

  reset(stream: Http2Stream, code: ErrorCode): void {
    this.#sender.reset(stream.id, code);
    this.#drop(stream);
  }

  ended(stream: Http2Stream): void {
    this.#drop(stream);
  }

  #receive(chunk: Buffer): void {
    if (this.#state === 'closed') return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.destroy(error instanceof Http2Error ? error.code : ErrorCode.INTERNAL_ERROR);
      if (!(error instanceof Http2Error)) this.#options.onFault(error);
    }
  }

  #take(frame: Http2Frame): void {
    // The rest of what came with the frame that ended it.
    if (this.#state === 'closed') return;
    try {
      this.#handle(frame);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.#spend(this.#resets);
      const stream = this.#streams.get(error.stream);
      if (stream === undefined) this.#sender.reset(error.stream, error.code);
      else this.reset(stream, error.code);
    }
  }

  #handle(frame: Http2Frame): void {
    const { type, stream } = frame;
    if (!this.#hasSettings && type !== FrameType.SETTINGS) throw violation('the first frame is not SETTINGS');
    this.#blocks.assertInPlace(type === FrameType.CONTINUATION, stream);
    const handler = this.#handlers[type];
    // What is not known is passed over (section 4.1).
    if (handler === undefined) this.#spend(this.#control);
    else handler(frame);
  }

  #data(frame: Http2Frame): void {
    const stream = this.#known(frame.stream, 'DATA');
    const bytes = frame.payload.length;
    if (!this.#window.come(bytes))
      throw new Http2Error(ErrorCode.FLOW_CONTROL_ERROR, "more than the connection's window");
    const isEnd = (frame.flags & Flag.END_STREAM) !== 0;
    if (bytes === 0 && !isEnd) this.#spend(this.#control);
    const content = contentOf(frame);
    if (stream === undefined || stream.hasClientEnded) {
      this.#acknowledge(bytes);
      // Or it was opened after the client was told that none is served any more.
      if (this.#sender.hasReset(frame.stream) || frame.stream > this.#lastStream) return;
      throw new StreamError(frame.stream, ErrorCode.STREAM_CLOSED, 'DATA on a stream that has ended');
    }
    if (!stream.window.come(bytes))
      throw new StreamError(stream.id, ErrorCode.FLOW_CONTROL_ERROR, "more than the stream's window");
    if (!stream.fits(content.length, isEnd))
      throw new StreamError(stream.id, ErrorCode.PROTOCOL_ERROR, 'not as long as content-length says');
    const padding = bytes - content.length;
    if (padding > 0) this.taken(stream, padding);
    if (content.length > 0) stream.receive(content);
    if (isEnd && !stream.isClosed) stream.clientEnded();
  }

  #haveBlock(block: HeaderBlock | undefined): void {
    if (block === undefined) return;
    const { stream: id, isEnd, bytes } = block;
    // Whatever becomes of the stream: later headers build on these.
    const fields = this.#headers.decode(bytes);
    if (id <= this.#lastStream) {
      const open = this.#streams.get(id);
      if (open === undefined && this.#sender.hasReset(id)) return;
      if (open === undefined || open.hasClientEnded)
        throw new Http2Error(ErrorCode.STREAM_CLOSED, `headers on stream ${id}, which has ended`);
      if (!isEnd || fields === undefined || !areTrailers(fields) || !open.fits(0, true))
        throw new StreamError(id, ErrorCode.PROTOCOL_ERROR, 'trailers that are none');
      open.clientEnded();
      return;
    }
    // It knows where we end: what it sends beyond is sent again elsewhere.
    if (this.#state === 'last') return;
    this.#lastStream = id;
    const { maxStreams, windowBytes } = this.#options.settings;
    if (this.#streams.size >= maxStreams)
      throw new StreamError(id, ErrorCode.REFUSED_STREAM, `more than ${maxStreams} streams`);
    const headers = fields === undefined ? undefined : requestHeaders(fields);
    if (fields !== undefined && headers === undefined)
      throw new StreamError(id, ErrorCode.PROTOCOL_ERROR, 'headers of no request');
    const windows = { send: this.#sender.streamWindow, receive: windowBytes };
    const stream = new Http2Stream({ owner: this, sender: this.#sender }, id, headers, windows);
    if (!stream.fits(0, isEnd))
      throw new StreamError(id, ErrorCode.PROTOCOL_ERROR, 'a content-length that does not hold');
    this.#streams.set(id, stream);
    this.#options.onStream(stream);
    if (isEnd && !stream.isClosed) stream.clientEnded();
  }

  #windowUpdate(frame: Http2Frame): void {
    assertLength(frame, 4, 'WINDOW_UPDATE');
    const { stream: id, payload } = frame;
    const more = payload.readUInt32BE(0) & LARGEST_WINDOW;
    if (id === 0) {
      if (more === 0) throw violation('a window grows by 0');
      this.#sender.grow(more);
      return;
    }
    const stream = this.#known(id, 'WINDOW_UPDATE');
    if (more === 0) throw new StreamError(id, ErrorCode.PROTOCOL_ERROR, 'a window grows by 0');
    if (stream !== undefined) this.#sender.growStream(stream, more);
  }

  #resetByClient(frame: Http2Frame): void {
    assertLength(frame, 4, 'RST_STREAM');
    const stream = this.#known(frame.stream, 'RST_STREAM');
    this.#spend(this.#resets);
    if (stream !== undefined) this.#drop(stream);
  }

  #settings(frame: Http2Frame): void {
    const { stream, flags, payload } = frame;
    if (stream !== 0) throw violation('SETTINGS on a stream');
    if (flags & Flag.ACK) {
      assertLength(frame, 0, 'an acknowledgement');
      return;
    }
    if (this.#hasSettings) this.#spend(this.#control);
    this.#hasSettings = true;
    const window = readSettings(payload);
    this.#send(frameBytes(FrameType.SETTINGS, Flag.ACK, 0));
    if (window !== undefined) this.#sender.resize(window, this.#streams.values());
  }

  #pinged(frame: Http2Frame): void {
    const { stream, flags, payload } = frame;
    if (stream !== 0) throw violation('PING on a stream');
    assertLength(frame, 8, 'PING');
    if (flags & Flag.ACK) {
      // It has seen that it is to go.
      if (this.#state === 'leaving' && payload.equals(GOODBYE)) this.#sayLast();
      return;
    }
    this.#spend(this.#control);
    this.#send(frameBytes(FrameType.PING, Flag.ACK, 0, payload));
  }

  #priority({ stream, payload }: Http2Frame): void {
    this.#spend(this.#control);
    if (stream === 0) throw violation('PRIORITY on no stream');
    if (payload.length !== 5)
      throw new StreamError(stream, ErrorCode.FRAME_SIZE_ERROR, 'PRIORITY is not of 5 bytes');
    assertOtherParent(stream, payload.readUInt32BE(0));
  }

  /** A stream that is open, or undefined for one that was. */
  #known(id: number, what: string): Http2Stream | undefined {
    if (id === 0 || id % 2 === 0 || id > this.#lastStream) {
      if (id > this.#lastStream && id % 2 === 1 && this.#state === 'last') return undefined;
      throw violation(`${what} on stream ${id}, which has not begun`);
    }
    return this.#streams.get(id);
  }

  #acknowledge(bytes: number): void {
    const more = this.#window.taken(bytes);
    if (more > 0) this.#send(frameBytes(FrameType.WINDOW_UPDATE, 0, 0, words(more)));
  }

  #spend(allowance: Allowance): void {
    // Acknowledgements that nobody reads wait in the socket.
    if (allowance.take(this.#options.nowMs()) && !this.#sender.isOverfull) return;
    throw new Http2Error(ErrorCode.ENHANCE_YOUR_CALM, 'more frames than any use has need of');
  }

  #drop(stream: Http2Stream): void {
    this.#streams.delete(stream.id);
    this.#sender.forget(stream);
    this.#acknowledge(stream.heldBytes);
    stream.closed();
    if (this.#state === 'last' && this.#streams.size === 0) this.#end();
  }

  #sayLast(): void {
    this.#state = 'last';
    this.#send(frameBytes(FrameType.GOAWAY, 0, 0, words(this.#lastStream, ErrorCode.NO_ERROR)));
    if (this.#streams.size === 0) this.#end();
  }

  #send(frame: Buffer): void {
    if (this.#state !== 'closed') this.#sender.send(frame);
  }

  #end(): void {
    this.#sender.flush();
    this.#socket.destroySoon();
    this.#closed();
  }

  #closed(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    for (const stream of this.#streams.values()) stream.closed();
    this.#streams.clear();
    this.#options.onClose();
  }
}
