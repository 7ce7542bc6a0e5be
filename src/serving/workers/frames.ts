import { readSync, writeSync } from 'node:fs';
import type { FromWorker, ToWorker } from './messages.js';

/**
 * How messages cross between the server process and a worker: frames on one socket of their own.
 *
 *     u32 LE head bytes | u32 LE floats bytes | head: text, padded with spaces | floats: float32
 *
 * Node's own channel between processes copies each message several times and allocates for it; a frame
 * is written from one buffer that is kept and read into another. For a batch of 64 dies (128 KB) a
 * round trip took 70 µs this way and 200 µs that way.
 */
const PREFIX_BYTES = 8;
// The floats begin at a multiple of this in the buffer: how ONNX Runtime adds up a row, and so its last bits, depends
// on where in memory the row begins (16 bytes matter today).
const ALIGNMENT = 64;

// A larger buffer is used for its frame and then let go: a model file that crosses once is not a batch.
const KEPT_BYTES = 8 * 1024 * 1024;

/** One frame: a short text and the numbers that go with it. */
export interface Frame {
  readonly head: string;
  readonly floats: Float32Array;
}

/** Writes frames into one buffer that grows to the largest of them. */
export class FrameWriter {
  #buffer = Buffer.alloc(4096);

  /**
   * @param parts written one behind the other as the frame's floats; copied before this returns
   * @returns a view of the writer's buffer: valid until the next call
   */
  write(head: string, parts: readonly Float32Array[]): Buffer {
    const headBytes = aligned(PREFIX_BYTES + Buffer.byteLength(head)) - PREFIX_BYTES;
    let floatBytes = 0;
    for (const part of parts) floatBytes += part.byteLength;
    const total = PREFIX_BYTES + headBytes + floatBytes;
    const buffer = this.#buffer.length < total ? Buffer.alloc(aligned(total)) : this.#buffer;
    if (buffer.length <= KEPT_BYTES) this.#buffer = buffer;
    buffer.writeUInt32LE(headBytes, 0);
    buffer.writeUInt32LE(floatBytes, 4);
    buffer.fill(' ', PREFIX_BYTES + buffer.write(head, PREFIX_BYTES), PREFIX_BYTES + headBytes);
    let offset = PREFIX_BYTES + headBytes;
    for (const part of parts) {
      buffer.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), offset);
      offset += part.byteLength;
    }
    return buffer.subarray(0, total);
  }
}

/**
 * One frame in pieces, whose floats are not copied: for what never changes, such as a model file of a hundred megabytes.
 * @returns the pieces, to be written one behind the other
 */
export function framePieces(head: string, parts: readonly Float32Array[]): Uint8Array[] {
  const start = new FrameWriter().write(head, []);
  start.writeUInt32LE(
    parts.reduce((sum, { byteLength }) => sum + byteLength, 0),
    4,
  );
  return [
    start,
    ...parts.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength)),
  ];
}

/** Puts frames together from the bytes of a stream, which come in chunks of any size. */
export class FrameReader {
  #buffer = Buffer.alloc(4096);
  #filled = 0;

  /**
   * Room for the bytes that the frame under way still needs: read into it, then call `advance`. For a
   * reader that can wait for bytes.
   */
  room(): Buffer {
    if (this.#filled === 0 && this.#buffer.length > KEPT_BYTES) this.#buffer = Buffer.alloc(4096);
    const needed = this.#frameBytes();
    if (this.#buffer.length < needed) {
      const larger = Buffer.alloc(aligned(needed));
      this.#buffer.copy(larger, 0, 0, this.#filled);
      this.#buffer = larger;
    }
    return this.#buffer.subarray(this.#filled, needed);
  }

  /**
   * Notes that `bytes` have been read into `room()`.
   * @returns the frame, when that was the end of one; its floats are a view of the reader's buffer, valid
   * until the next `room`
   */
  advance(bytes: number): Frame | undefined {
    this.#filled += bytes;
    if (this.#filled < PREFIX_BYTES || this.#filled < this.#frameBytes()) return undefined;
    const headEnd = PREFIX_BYTES + this.#buffer.readUInt32LE(0);
    const floatBytes = this.#buffer.readUInt32LE(4);
    this.#filled = 0;
    return {
      head: this.#buffer.toString('utf8', PREFIX_BYTES, headEnd),
      floats: new Float32Array(this.#buffer.buffer, this.#buffer.byteOffset + headEnd, floatBytes / 4),
    };
  }

  /** Takes a chunk of the stream and calls `receive` for every frame that it completes; the floats are copies. */
  push(chunk: Buffer, receive: (frame: Frame) => void): void {
    let taken = 0;
    while (taken < chunk.length) {
      const copied = chunk.copy(this.room(), 0, taken);
      taken += copied;
      const frame = this.advance(copied);
      if (frame !== undefined) receive({ head: frame.head, floats: frame.floats.slice() });
    }
  }

  /** Bytes of the frame under way: its prefix until that is known, then all of it. */
  #frameBytes(): number {
    if (this.#filled < PREFIX_BYTES) return PREFIX_BYTES;
    return PREFIX_BYTES + this.#buffer.readUInt32LE(0) + this.#buffer.readUInt32LE(4);
  }
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** A message as the parts of a frame. */
export interface WireMessage {
  readonly head: string;
  readonly parts: readonly Float32Array[];
}

// Stands in the JSON for a Float32Array of that length; the numbers follow in the frame, in order.
const FLOATS = '$float32';

/** A message as JSON, its Float32Arrays taken out to travel as they lie in memory. */
export function toWire(message: ToWorker | FromWorker): WireMessage {
  const parts: Float32Array[] = [];
  return { head: JSON.stringify(withoutFloats(message, parts)), parts };
}

/**
 * The value that a frame carries; its Float32Arrays are views of the frame's floats.
 * @throws SyntaxError when the head is not JSON
 */
export function fromWire({ head, floats }: Frame): unknown {
  let offset = 0;
  return withFloats(JSON.parse(head), (length) => {
    offset += length;
    return floats.subarray(offset - length, offset);
  });
}

// Walks of our own: the functions that JSON.stringify and JSON.parse can be given cost 10 µs a message.

/** A copy of a value in which each Float32Array is replaced by its length; they themselves go to `parts`. */
function withoutFloats(value: unknown, parts: Float32Array[]): unknown {
  if (value instanceof Float32Array) {
    parts.push(value);
    return { [FLOATS]: value.length };
  }
  if (Array.isArray(value)) return value.map((item) => withoutFloats(item, parts));
  if (!isRecord(value)) return value;
  const copy: Record<string, unknown> = {};
  for (const key in value) copy[key] = withoutFloats(value[key], parts);
  return copy;
}

/** The value of which `withoutFloats` made this one, which it changes. */
function withFloats(value: unknown, take: (length: number) => Float32Array): unknown {
  if (!isRecord(value)) return value;
  if (FLOATS in value) return take(Number(value[FLOATS]));
  for (const key in value) value[key] = withFloats(value[key], take);
  return value;
}

/** An object or an array: both have their values by key. */
function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

const TO_WORKER: ReadonlySet<unknown> = new Set<ToWorker['type']>(['open', 'warm', 'close', 'run', 'drift']);
const FROM_WORKER: ReadonlySet<unknown> = new Set<FromWorker['type']>([
  'started',
  'opened',
  'warmed',
  'closed',
  'ran',
  'drifted',
  'failed',
]);

/** Both ends are compiled from the same source: a message of a known type has that type's fields. */
export function isToWorker(value: unknown): value is ToWorker {
  return typeof value === 'object' && value !== null && 'type' in value && TO_WORKER.has(value.type);
}

/** See {@link isToWorker}. */
export function isFromWorker(value: unknown): value is FromWorker {
  return typeof value === 'object' && value !== null && 'type' in value && FROM_WORKER.has(value.type);
}

/** The file descriptor on which a worker process finds its channel to the server process. */
export const CHANNEL_FD = 3;

/**
 * A worker's end of the channel. It blocks: a worker has nothing else to do, and a read that waits in
 * the kernel answers sooner than an event loop that is woken.
 */
export class WorkerChannel {
  readonly #reader = new FrameReader();
  readonly #writer = new FrameWriter();

  /**
   * Waits for the next message.
   * @returns undefined when the server process has gone; a Float32Array in the message is valid until the
   * next call
   */
  receive(): ToWorker | undefined {
    for (;;) {
      const bytes = readSync(CHANNEL_FD, this.#reader.room());
      if (bytes === 0) return undefined;
      const frame = this.#reader.advance(bytes);
      if (frame === undefined) continue;
      const message = fromWire(frame);
      if (!isToWorker(message)) throw new Error(`the server process said ${frame.head.slice(0, 100)}`);
      return message;
    }
  }

  send(message: FromWorker): void {
    const { head, parts } = toWire(message);
    const frame = this.#writer.write(head, parts);
    for (let written = 0; written < frame.length; ) written += writeSync(CHANNEL_FD, frame, written);
  }
}
