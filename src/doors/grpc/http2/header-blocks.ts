import { ErrorCode, Http2Error, StreamError, violation } from './errors.js';
import { contentOf, Flag, type Http2Frame } from './frames.js';

/** Headers of one request as they come, packed. */
const MAX_BLOCK_BYTES = 65_536;
/** Frames that one block may come in. */
const MAX_PIECES = 256;
const PRIORITY_BYTES = 5;

/** The headers, or the trailers, of a stream, packed. */
export interface HeaderBlock {
  readonly stream: number;
  /** Whether nothing follows them. */
  readonly isEnd: boolean;
  readonly bytes: Buffer;
}

/** Puts blocks of headers together from HEADERS and the CONTINUATION behind it. */
export class HeaderBlocks {
  #open: { readonly stream: number; readonly isEnd: boolean; readonly pieces: Buffer[] } | undefined;
  #bytes = 0;

  /** Whether one has begun and not ended. */
  get isWithin(): boolean {
    return this.#open !== undefined;
  }

  /** @throws Http2Error where a frame comes between the parts of a block */
  assertInPlace(isContinuation: boolean, stream: number): void {
    if (this.#open !== undefined && (!isContinuation || stream !== this.#open.stream))
      throw violation('headers are not followed by their rest');
    if (this.#open === undefined && isContinuation) throw violation('CONTINUATION without HEADERS');
  }

  /**
   * @param frame HEADERS
   * @returns the block, where the frame was its last
   */
  begin(frame: Http2Frame): HeaderBlock | undefined {
    const { stream, flags, payload } = frame;
    if (stream % 2 === 0) throw violation(`a request on stream ${stream}`);
    this.#open = { stream, isEnd: (flags & Flag.END_STREAM) !== 0, pieces: [] };
    this.#bytes = 0;
    if (flags & Flag.PRIORITY) {
      const at = flags & Flag.PADDED ? 1 : 0;
      if (payload.length < at + PRIORITY_BYTES)
        throw new Http2Error(ErrorCode.FRAME_SIZE_ERROR, 'HEADERS are too short');
      assertOtherParent(stream, payload.readUInt32BE(at));
    }
    return this.add(contentOf(frame), flags);
  }

  /** @returns the block, where the piece was its last */
  add(piece: Buffer, flags: number): HeaderBlock | undefined {
    const open = this.#open;
    if (open === undefined) throw violation('CONTINUATION without HEADERS');
    const { stream, isEnd, pieces } = open;
    pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes > MAX_BLOCK_BYTES || pieces.length > MAX_PIECES)
      throw new Http2Error(ErrorCode.ENHANCE_YOUR_CALM, `headers of more than ${MAX_BLOCK_BYTES} bytes`);
    if ((flags & Flag.END_HEADERS) === 0) return undefined;
    this.#open = undefined;
    return { stream, isEnd, bytes: pieces.length === 1 ? piece : Buffer.concat(pieces) };
  }
}

/** @throws StreamError where a stream is said to depend on itself */
export function assertOtherParent(stream: number, parent: number): void {
  if ((parent & 0x7fff_ffff) === stream)
    throw new StreamError(stream, ErrorCode.PROTOCOL_ERROR, 'a stream depends on itself');
}
