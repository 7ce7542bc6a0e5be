/** What the other side may send before what it has sent is taken, and when to let it send more. */
export class ReceiveWindow {
  readonly #mostBytes: number;
  #leftBytes: number;
  #takenBytes = 0;

  constructor(bytes: number) {
    this.#mostBytes = bytes;
    this.#leftBytes = bytes;
  }

  /** @returns whether so much was allowed to come */
  come(bytes: number): boolean {
    this.#leftBytes -= bytes;
    return this.#leftBytes >= 0;
  }

  /**
   * So much of what has come has been taken.
   * @returns by how much the other side is to be told that its window grows; 0 for not yet
   */
  taken(bytes: number): number {
    this.#takenBytes += bytes;
    if (this.#takenBytes < this.#mostBytes / 2) return 0;
    const more = this.#takenBytes;
    this.#leftBytes += more;
    this.#takenBytes = 0;
    return more;
  }
}

/** How much of something a peer may do: so much at once, and so much a second in the long run. */
export class Allowance {
  readonly #most: number;
  readonly #perMs: number;
  #left: number;
  #atMs: number;

  constructor(most: number, perSecond: number, nowMs: number) {
    this.#most = most;
    this.#perMs = perSecond / 1000;
    this.#left = most;
    this.#atMs = nowMs;
  }

  /** @returns whether one more is within it */
  take(nowMs: number): boolean {
    this.#left = Math.min(this.#most, this.#left + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
