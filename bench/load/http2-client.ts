import { connect, type Socket } from 'node:net';

/** The frames of HTTP/2 (RFC 9113, section 6) that are looked at here. */
const Frame = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const END_STREAM = 0x1;
const ACK = 0x1;
const END_HEADERS = 0x4;
const HEAD_BYTES = 9;
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const LARGEST_WINDOW = 2 ** 31 - 1;
const INITIAL_WINDOW = 65_535;
/** SETTINGS_INITIAL_WINDOW_SIZE. */
const INITIAL_WINDOW_SIZE = 4;

/** What is told of the answer to a call. */
export interface CallListener {
  /** Bytes of its messages, as they come. */
  data(bytes: Buffer): void;
  /** Its end; `isBroken` where the server has broken it off. */
  end(isBroken: boolean): void;
}

/**
 * A client of HTTP/2 that costs next to nothing, so that a server is measured and not its client: it packs the headers of its
 * one call once, and of answers it reads messages and ends, but no headers. A call that was refused therefore has no message.
 * It opens every window as far as it goes and trusts the server to have room for what is under way.
 */
export class Http2Client {
  readonly #socket: Socket;
  readonly #listeners = new Map<number, CallListener>();
  readonly #path: string;
  #received: Buffer = Buffer.alloc(0);
  #nextStream = 1;
  #hasCalled = false;

  private constructor(socket: Socket, path: string) {
    this.#socket = socket;
    this.#path = path;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      for (const listener of [...this.#listeners.values()]) listener.end(true);
    });
    const settings = Buffer.alloc(6);
    settings.writeUInt16BE(INITIAL_WINDOW_SIZE);
    settings.writeUInt32BE(LARGEST_WINDOW, 2);
    const window = Buffer.alloc(4);
    window.writeUInt32BE(LARGEST_WINDOW - INITIAL_WINDOW);
    socket.write(
      Buffer.concat([
        PREFACE,
        frame(Frame.settings, 0, 0, settings),
        frame(Frame.windowUpdate, 0, 0, window),
      ]),
    );
  }

  /** @param path of the method that all calls are for */
  static open(port: number, path: string): Promise<Http2Client> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new Http2Client(socket, path)));
      socket.once('error', reject);
    });
  }

  /**
   * Begins a call.
   * @param last its only message, framed; undefined where messages follow by {@link send}
   * @returns the number of its stream
   */
  call(listener: CallListener, last: Buffer | undefined): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    this.#listeners.set(stream, listener);
    const headers = frame(Frame.headers, END_HEADERS, stream, this.#headers());
    this.#socket.write(
      last === undefined ? headers : Buffer.concat([headers, frame(Frame.data, END_STREAM, stream, last)]),
    );
    return stream;
  }

  /** Sends one more message of a call; the last one where it is to end. */
  send(stream: number, message: Buffer, isLast = false): void {
    this.#socket.write(frame(Frame.data, isLast ? END_STREAM : 0, stream, message));
  }

  close(): void {
    this.#socket.destroy();
  }

  /** In full the first time, and from then on by their places in the server's table, as real clients send them. */
  #headers(): Buffer {
    if (this.#hasCalled) return Buffer.of(0x83, 0x86, 0xc1, 0xc0, 0xbf, 0xbe);
    this.#hasCalled = true;
    return Buffer.concat([
      Buffer.of(0x83, 0x86),
      Buffer.of(0x44),
      packed(this.#path),
      Buffer.of(0x41),
      packed('127.0.0.1'),
      Buffer.of(0x5f),
      packed('application/grpc'),
      Buffer.of(0x40),
      packed('te'),
      packed('trailers'),
    ]);
  }

  /** What is answered by one read is written at once, as real clients do. */
  #receive(chunk: Buffer): void {
    this.#socket.cork();
    this.#takeAll(chunk);
    this.#socket.uncork();
  }

  #takeAll(chunk: Buffer): void {
    let bytes = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    while (bytes.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + bytes.readUIntBE(0, 3);
      if (bytes.length < end) break;
      this.#take(bytes[3] ?? 0, bytes[4] ?? 0, bytes.readUInt32BE(5), bytes.subarray(HEAD_BYTES, end));
      bytes = bytes.subarray(end);
    }
    this.#received = bytes;
  }

  #take(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === Frame.settings && (flags & ACK) === 0) this.#socket.write(frame(Frame.settings, ACK, 0));
    else if (type === Frame.ping && (flags & ACK) === 0)
      this.#socket.write(frame(Frame.ping, ACK, 0, payload));
    else if (type === Frame.goAway) this.#socket.destroy();
    const listener = this.#listeners.get(stream);
    if (listener === undefined) return;
    if (type === Frame.data) listener.data(payload);
    const isBroken = type === Frame.reset;
    const hasEnded = (type === Frame.data || type === Frame.headers) && (flags & END_STREAM) !== 0;
    if (!isBroken && !hasEnded) return;
    this.#listeners.delete(stream);
    listener.end(isBroken);
  }
}

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  payload.copy(bytes, HEAD_BYTES);
  return bytes;
}

/** A text of HPACK that is not compressed. */
function packed(text: string): Buffer {
  if (text.length > 126)
    throw new Error(`a text of ${text.length} bytes is too long for its length in one byte`);
  return Buffer.concat([Buffer.of(text.length), Buffer.from(text, 'latin1')]);
}
