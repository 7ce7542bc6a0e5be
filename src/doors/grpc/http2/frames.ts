import { ErrorCode, Http2Error } from './errors.js';

/** Types of frames (RFC 9113, section 6). */
export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const Flag = { END_STREAM: 0x1, ACK: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const;

const FRAME_HEAD_BYTES = 9;
/** SETTINGS_MAX_FRAME_SIZE of both sides: what everybody may count on without being told. */
export const MAX_FRAME_BYTES = 16_384;

export interface Http2Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const NOTHING = Buffer.alloc(0);

/** Cuts what a client sends into frames, behind the preface. A frame whose bytes came together is not copied. */
export class Http2FrameReader {
  readonly #take: (frame: Http2Frame) => void;
  #rest: Buffer = NOTHING;
  #hasPreface = false;

  /** @param take told of each frame; what it throws ends the reading */
  constructor(take: (frame: Http2Frame) => void) {
    this.#take = take;
  }

  /** @throws Http2Error where the client does not begin as it must, or sends a frame that is too long */
  push(chunk: Buffer): void {
    let bytes = chunk;
    while (bytes.length > 0) {
      if (this.#rest.length > 0) {
        // Only as much as is missing is copied.
        const missing = this.#needed(this.#rest) - this.#rest.length;
        this.#rest = Buffer.concat([this.#rest, bytes.subarray(0, missing)]);
        bytes = bytes.subarray(missing);
        if (this.#step(this.#rest) > 0) this.#rest = NOTHING;
        else if (bytes.length === 0) return;
      } else {
        const taken = this.#step(bytes);
        if (taken === 0) {
          this.#rest = bytes;
          return;
        }
        bytes = bytes.subarray(taken);
      }
    }
  }

  /** Bytes that the next part has, as far as that can be told from its first ones. */
  #needed(bytes: Buffer): number {
    if (!this.#hasPreface) return PREFACE.length;
    if (bytes.length < FRAME_HEAD_BYTES) return FRAME_HEAD_BYTES;
    return FRAME_HEAD_BYTES + lengthOf(bytes);
  }

  /** Takes one part; how many bytes it had, 0 where it is not whole. */
  #step(bytes: Buffer): number {
    if (!this.#hasPreface) {
      const come = Math.min(bytes.length, PREFACE.length);
      if (bytes.compare(PREFACE, 0, come, 0, come) !== 0)
        throw new Http2Error(ErrorCode.PROTOCOL_ERROR, 'the connection does not begin with the preface');
      if (come < PREFACE.length) return 0;
      this.#hasPreface = true;
      return come;
    }
    if (bytes.length < FRAME_HEAD_BYTES) return 0;
    const end = FRAME_HEAD_BYTES + lengthOf(bytes);
    if (bytes.length < end) return 0;
    const [, , , type = 0, flags = 0] = bytes;
    const stream = bytes.readUInt32BE(5) & 0x7fff_ffff;
    this.#take({ type, flags, stream, payload: bytes.subarray(FRAME_HEAD_BYTES, end) });
    return end;
  }
}

function lengthOf(bytes: Buffer): number {
  const length = bytes.readUIntBE(0, 3);
  if (length <= MAX_FRAME_BYTES) return length;
  throw new Http2Error(
    ErrorCode.FRAME_SIZE_ERROR,
    `a frame of ${length} bytes, expected at most ${MAX_FRAME_BYTES}`,
  );
}

/** A frame as it goes out. */
export function frameBytes(type: number, flags: number, stream: number, payload: Buffer = NOTHING): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  payload.copy(bytes, FRAME_HEAD_BYTES);
  return bytes;
}

/** A payload of whole words of 32 bits. */
export function words(...values: number[]): Buffer {
  const bytes = Buffer.allocUnsafe(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value, 4 * i);
  });
  return bytes;
}

/** What a frame holds between its padding and, of HEADERS, its priority. */
export function contentOf({ type, flags, payload }: Http2Frame): Buffer {
  let from = 0;
  let to = payload.length;
  if (flags & Flag.PADDED) {
    from = 1;
    to -= payload[0] ?? 0;
  }
  if (type === FrameType.HEADERS && flags & Flag.PRIORITY) from += 5;
  if (from <= to) return payload.subarray(from, to);
  throw new Http2Error(ErrorCode.PROTOCOL_ERROR, 'a frame has more padding than bytes');
}

/** @throws Http2Error where the frame is not as long as all of its kind are */
export function assertLength({ payload }: Http2Frame, bytes: number, what: string): void {
  if (payload.length === bytes) return;
  throw new Http2Error(ErrorCode.FRAME_SIZE_ERROR, `${what} is not of ${bytes} bytes`);
}
