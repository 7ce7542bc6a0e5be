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
