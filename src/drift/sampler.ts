const SECOND_MS = 1000;

/**
 * Chooses which dies are counted where more come than need be: about `perSecond` of them, spread
 * evenly over all, whoever sends them. The gaps between chosen dies are drawn at random, since a fixed
 * stride would march in step with the reticle or the rows of a wafer.
 */
export class Sampler {
  readonly #perSecond: number;
  readonly #random: () => number;
  #secondFromMs = Number.NEGATIVE_INFINITY;
  #seen = 0;
  #taken = 0;
  #stride = 1;
  #skip = 0;

  /** @param random uniform in [0, 1) */
  constructor(perSecond: number, random: () => number) {
    this.#perSecond = perSecond;
    this.#random = random;
  }

  /** Says what time it is, in milliseconds that only rise; before the dies of each batch. */
  at(nowMs: number): void {
    const passedMs = nowMs - this.#secondFromMs;
    if (passedMs < SECOND_MS) return;
    this.#stride = Math.max(1, Math.ceil((this.#seen * SECOND_MS) / passedMs / this.#perSecond));
    this.#secondFromMs = nowMs;
    this.#seen = 0;
    this.#taken = 0;
  }

  /** Whether to count the next die. */
  take(): boolean {
    this.#seen++;
    if (this.#skip > 0) {
      this.#skip--;
      return false;
    }
    this.#taken++;
    // A burst within the second: each further `perSecond` dies come from twice as many.
    if (this.#taken % this.#perSecond === 0) this.#stride *= 2;
    this.#skip = this.#stride === 1 ? 0 : Math.floor(this.#random() * (2 * this.#stride - 1));
    return true;
  }
}
