// A larger buffer is used for its body and then let go.
const KEPT_BYTES = 1024 * 1024;

/** How many bytes some pieces have. */
export function lengthOf(pieces: readonly Buffer[]): number {
  let bytes = 0;
  for (const { length } of pieces) bytes += length;
  return bytes;
}

/** Copies pieces, one behind the other, to the beginning of memory that is large enough. */
export function copyPieces(pieces: readonly Buffer[], target: Uint8Array): void {
  let at = 0;
  for (const piece of pieces) at += piece.copy(target, at);
}

/** The bytes of some pieces; a copy where there are several. */
export function joined(pieces: readonly Buffer[]): Buffer {
  const [only] = pieces;
  return only !== undefined && pieces.length === 1 ? only : Buffer.concat(pieces);
}

/**
 * Puts pieces together in memory that is kept: a new buffer for each body of hundreds of kilobytes is memory
 * outside of the heap, which drives the garbage collector hardest.
 */
export class PieceJoiner {
  #kept = Buffer.alloc(0);

  /** The bytes of some pieces; valid until the next call. */
  join(pieces: readonly Buffer[]): Buffer {
    if (pieces.length <= 1) return joined(pieces);
    const bytes = lengthOf(pieces);
    if (bytes > KEPT_BYTES) return Buffer.concat(pieces, bytes);
    // By halves too much, so that bodies that grow a little do not each need a new one.
    if (this.#kept.length < bytes)
      this.#kept = Buffer.allocUnsafeSlow(Math.min(KEPT_BYTES, Math.ceil(bytes * 1.5)));
    copyPieces(pieces, this.#kept);
    return this.#kept.subarray(0, bytes);
  }
}
