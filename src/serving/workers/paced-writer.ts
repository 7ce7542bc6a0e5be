import type { Writable } from 'node:stream';

/** Bytes that are written in one turn of the event loop: less than a millisecond of it. */
const PIECE_BYTES = 256 * 1024;

/** Writes to a stream, what is long in pieces, each in a turn of the event loop of its own: others have theirs between. */
export class PacedWriter {
  readonly #stream: Writable;
  readonly #waiting: Uint8Array[] = [];
  #isUnderWay = false;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** Whether something long is being written: whatever follows is to be written by this too. */
  get isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  /** @param parts must not change any more */
  write(parts: readonly Uint8Array[]): void {
    const isLong = parts.reduce((sum, { length }) => sum + length, 0) > PIECE_BYTES;
    if (!isLong && !this.#isUnderWay) {
      for (const part of parts) this.#stream.write(part);
      return;
    }
    this.#waiting.push(...parts);
    if (!this.#isUnderWay) this.#next();
  }

  #next(): void {
    const part = this.#waiting.shift();
    this.#isUnderWay = part !== undefined;
    if (part === undefined) return;
    if (part.length > PIECE_BYTES) this.#waiting.unshift(part.subarray(PIECE_BYTES));
    this.#stream.write(part.subarray(0, PIECE_BYTES), (error) => {
      // The end of a worker that takes nothing more is told by its process.
      if (!(error instanceof Error)) setImmediate(() => this.#next());
    });
  }
}
