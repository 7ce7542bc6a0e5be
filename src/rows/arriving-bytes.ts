/** Of each body so many bytes are always taken, so that large bodies cannot shut out single dies. */
const FREE_BYTES = 65_536;

/** The memory for bodies that are still arriving: however many callers there are, not without bound. */
export class ArrivingBytes {
  readonly #limitBytes: number;
  #taken = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Takes room for bytes; whether there was any. */
  take(bytes: number): boolean {
    if (this.#taken + bytes > this.#limitBytes) return false;
    this.#taken += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#taken -= bytes;
  }

  /** Bytes that are taken now. */
  get taken(): number {
    return this.#taken;
  }
}

// Pieces below the first size are gathered in blocks of the second: what a piece takes beside its bytes must not be
// more than these, however small the segments are in which a network or a hostile client sends them.
const SMALL_BYTES = 16_384;
const BLOCK_BYTES = 65_536;

/** What has come of one body, in about the pieces in which it came. */
export class ArrivingBody {
  readonly #pieces: Buffer[] = [];
  readonly #shared: ArrivingBytes;
  #bytes = 0;
  #taken = 0;
  // Of which the last piece is the beginning, where it was gathered.
  #block: Buffer | undefined;

  /** @param shared room for what all bodies have beyond their first bytes */
  constructor(shared: ArrivingBytes) {
    this.#shared = shared;
  }

  get pieces(): readonly Buffer[] {
    return this.#pieces;
  }

  /** Bytes of all pieces. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a piece; whether there was room for it. It is kept in any case. */
  add(piece: Buffer): boolean {
    // The first one mostly is all of it.
    if (this.#pieces.length === 0 || piece.length >= SMALL_BYTES) {
      this.#pieces.push(piece);
      this.#block = undefined;
    } else this.#gather(piece);
    this.#bytes += piece.length;
    if (this.#bytes <= FREE_BYTES) return true;
    if (!this.#shared.take(piece.length)) return false;
    this.#taken += piece.length;
    return true;
  }

  /** Gives its room back: nothing more is to come of it. */
  settle(): void {
    this.#shared.give(this.#taken);
    this.#taken = 0;
  }

  #gather(piece: Buffer): void {
    const last = this.#pieces.at(-1);
    if (this.#block === undefined || last === undefined || last.length + piece.length > BLOCK_BYTES) {
      this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.#pieces.push(this.#block.subarray(0, piece.copy(this.#block)));
    } else {
      const end = last.length + piece.copy(this.#block, last.length);
      this.#pieces[this.#pieces.length - 1] = this.#block.subarray(0, end);
    }
  }
}
