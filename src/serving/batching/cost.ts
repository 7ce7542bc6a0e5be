// Weight of the newest batch: about the last 50 batches count, so that a warm-up or a busy
// neighbour is forgotten within a second of traffic.
const NEWEST_WEIGHT = 0.04;

/**
 * The measured cost of a batch as `perDieMs * n + perBatchMs`: a least-squares line through the
 * batches seen, older ones fading. (The same model of a batch as BentoML's dispatcher uses.)
 */
export class BatchCost {
  #batches = 0;
  #meanDies = 0;
  #meanMs = 0;
  #varianceDies = 0;
  #covariance = 0;

  /** Tells of one batch: how many dies, and the milliseconds from dispatch to result. */
  observe(dies: number, ms: number): void {
    // The first batches weigh as in a plain mean; from then on the newest has a fixed weight.
    this.#batches++;
    const w = Math.max(NEWEST_WEIGHT, 1 / this.#batches);
    const dDies = dies - this.#meanDies;
    const dMs = ms - this.#meanMs;
    this.#meanDies += w * dDies;
    this.#meanMs += w * dMs;
    this.#varianceDies = (1 - w) * (this.#varianceDies + w * dDies * dDies);
    this.#covariance = (1 - w) * (this.#covariance + w * dDies * dMs);
  }

  /** Milliseconds that each further die adds to a batch; never negative. */
  get perDieMs(): number {
    if (this.#varianceDies < 1e-9) return this.#meanDies === 0 ? 0 : this.#meanMs / this.#meanDies;
    return Math.max(0, this.#covariance / this.#varianceDies);
  }

  /** Milliseconds that a batch costs before its first die; never negative. */
  get perBatchMs(): number {
    return Math.max(0, this.#meanMs - this.perDieMs * this.#meanDies);
  }

  /** Expected milliseconds of a batch of `dies`; 0 before the first observation. */
  of(dies: number): number {
    return this.perDieMs * dies + this.perBatchMs;
  }

  /** The most dies that a batch can hold and still be done in `ms`; 0 when even one takes longer. */
  diesWithin(ms: number): number {
    const perDie = this.perDieMs;
    if (perDie === 0) return ms >= this.perBatchMs ? Number.POSITIVE_INFINITY : 0;
    return Math.max(0, Math.floor((ms - this.perBatchMs) / perDie));
  }
}
