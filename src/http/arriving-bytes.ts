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

/** What has come of one body, in the pieces in which it came. */
export class ArrivingBody {
  readonly pieces: Buffer[] = [];
  readonly #shared: ArrivingBytes;
  #bytes = 0;
  #taken = 0;

  /** @param shared room for what all bodies have beyond their first bytes */
  constructor(shared: ArrivingBytes) {
    this.#shared = shared;
  }

  /** Bytes of all pieces. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a piece; whether there was room for it. It is kept in any case. */
  add(piece: Buffer): boolean {
    this.pieces.push(piece);
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
}
