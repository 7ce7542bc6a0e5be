/** Floats of a piece: 4 MB, which the allocator gives back to the system once no row of it is used any more. */
const PIECE_FLOATS = 1024 * 1024;

/**
 * Memory for rows of measurements that are kept until all have come. A hundred thousand small arrays, once let go, would stay
 * with the process: the allocator keeps what is between others for the next small ones.
 */
export class RowMemory {
  #piece = new Float32Array(0);
  #used = 0;

  /** @returns float32 [length], NaN */
  row(length: number): Float32Array {
    if (this.#used + length > this.#piece.length) {
      this.#piece = new Float32Array(Math.max(length, PIECE_FLOATS));
      this.#used = 0;
    }
    const row = this.#piece.subarray(this.#used, this.#used + length);
    this.#used += length;
    return row.fill(Number.NaN);
  }
}
