import { Refusal } from '../../../errors.js';
import { ArrivingBody, type ArrivingBytes } from '../../../rows/arriving-bytes.js';
import type { Unpack } from './packed.js';

/** Before each message: a flag that says whether it is compressed, and its length, big-endian. */
const PREFIX_BYTES = 5;

/** A message as it goes out, behind its prefix. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

interface MessageReaderOptions {
  /** Longest message, bytes. */
  readonly maxBytes: number;
  /** Unpacks those that say that they are packed; undefined where none may be. */
  readonly unpack: Unpack | undefined;
  /** What messages that are still arriving share. */
  readonly arriving: ArrivingBytes;
  /** Told of each message as soon as it is whole; its bytes are the reader's to keep. */
  readonly onMessage: (message: Buffer) => void;
}

/** Cuts what arrives of a call into its messages. */
export class MessageReader {
  readonly #options: MessageReaderOptions;
  /** What has come of a prefix that came in pieces. */
  #prefix: Buffer | undefined;
  #prefixBytes = 0;
  /** What has come of a message whose prefix is whole. */
  #body: ArrivingBody | undefined;
  #missing = 0;
  #isPacked = false;

  constructor(options: MessageReaderOptions) {
    this.#options = options;
  }

  /** Whether a message has begun and not ended. */
  get isWithin(): boolean {
    return this.#prefixBytes > 0;
  }

  /**
   * @throws Refusal `body_too_large`, or `bad_request` of what is packed and may not be; nothing is to be read then
   */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) at = this.#step(chunk, at);
  }

  /** Gives the room of what has not become whole back. */
  settle(): void {
    this.#body?.settle();
    this.#body = undefined;
  }

  /** Reads the next part from `at` on; where it ends. */
  #step(chunk: Buffer, at: number): number {
    if (this.#body !== undefined) return this.#gather(this.#body, chunk, at);
    if (this.#prefixBytes === 0 && chunk.length - at >= PREFIX_BYTES) {
      const from = at + PREFIX_BYTES;
      const length = this.#lengthOf(chunk, at);
      if (chunk.length - from >= length) {
        this.#emit(chunk.subarray(from, from + length));
        return from + length;
      }
    }
    this.#prefix ??= Buffer.alloc(PREFIX_BYTES);
    const taken = chunk.copy(this.#prefix, this.#prefixBytes, at, at + PREFIX_BYTES - this.#prefixBytes);
    this.#prefixBytes += taken;
    if (this.#prefixBytes === PREFIX_BYTES) this.#begin(this.#lengthOf(this.#prefix, 0));
    return at + taken;
  }

  #begin(length: number): void {
    this.#missing = length;
    this.#body = new ArrivingBody(this.#options.arriving);
    if (length === 0) this.#end(this.#body);
  }

  #gather(body: ArrivingBody, chunk: Buffer, at: number): number {
    const to = Math.min(chunk.length, at + this.#missing);
    this.#missing -= to - at;
    if (!body.add(chunk.subarray(at, to))) {
      throw new Refusal(
        'queue_full',
        'the messages that are arriving take all the memory there is for them',
        {
          retryAfterSeconds: 1,
        },
      );
    }
    if (this.#missing === 0) this.#end(body);
    return to;
  }

  #end(body: ArrivingBody): void {
    const [first = Buffer.alloc(0), ...others] = body.pieces;
    const message = others.length === 0 ? first : Buffer.concat(body.pieces);
    this.settle();
    this.#prefixBytes = 0;
    this.#emit(message);
  }

  #emit(message: Buffer): void {
    const { onMessage, unpack } = this.#options;
    onMessage(this.#isPacked && unpack !== undefined ? unpack(message) : message);
  }

  #lengthOf(prefix: Buffer, at: number): number {
    const flag = prefix[at] ?? 0;
    if (flag > 1 || (flag === 1 && this.#options.unpack === undefined)) {
      throw new Refusal(
        'bad_request',
        `a message begins with the flag ${flag}: expected 0, or 1 where grpc-encoding says how it is packed`,
      );
    }
    this.#isPacked = flag === 1;
    const length = prefix.readUInt32BE(at + 1);
    const { maxBytes } = this.#options;
    if (length <= maxBytes) return length;
    throw new Refusal(
      'body_too_large',
      `expected a message of at most ${maxBytes} bytes (MAX_BODY_BYTES), found ${length}`,
    );
  }
}
