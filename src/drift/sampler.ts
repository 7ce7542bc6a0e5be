/** Rates are measured, and bursts let through, over so long. */
const PERIOD_MS = 10_000;

/**
 * Chooses which dies are counted where more come than need be: about `perPeriod` of them in ten seconds, spread
 * evenly over all, whoever sends them. The gaps between chosen dies are drawn at random, since a fixed
 * stride would march in step with the reticle or the rows of a wafer.
 */
export class Sampler {
  readonly #perPeriod: number;
  readonly #random: () => number;
  #periodFromMs = Number.NEGATIVE_INFINITY;
  #seen = 0;
  #taken = 0;
  #stride = 1;
  #skip = 0;

  /** @param random uniform in [0, 1) */
  constructor(perPeriod: number, random: () => number) {
    this.#perPeriod = perPeriod;
    this.#random = random;
  }

  /** Says what time it is, in milliseconds that only rise; before the dies of each batch. */
  at(nowMs: number): void {
    const passedMs = nowMs - this.#periodFromMs;
    if (passedMs < PERIOD_MS) return;
    this.#stride = Math.max(1, Math.ceil((this.#seen * PERIOD_MS) / passedMs / this.#perPeriod));
    this.#periodFromMs = nowMs;
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
    // A burst within the period: each further `perPeriod` dies come from twice as many.
    if (this.#taken % this.#perPeriod === 0) this.#stride *= 2;
    this.#skip = this.#stride === 1 ? 0 : Math.floor(this.#random() * (2 * this.#stride - 1));
    return true;
  }
}
