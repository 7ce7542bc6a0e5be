import type { Decision } from '../die/prediction.js';
import type { Spread } from '../statistics/design-effect.js';
import { ClusteredDies } from './clusters.js';
import { QuantileSketch } from './sketch.js';

/** How one version judged a die, and how long it took. */
export interface Judgement {
  readonly score: number;
  readonly decision: Decision;
  readonly latencyMs: number;
}

/**
 * What is known of the dies that two versions saw, one to answer and one as its shadow: under 60 KB,
 * whatever their number. Telling it of a die makes no object.
 */
export class PairAccount {
  readonly primary: string;
  readonly shadow: string;
  /** Shadow's score minus primary's. */
  readonly scoreDifferences = new QuantileSketch();
  readonly primaryLatencies = new QuantileSketch();
  readonly shadowLatencies = new QuantileSketch();
  readonly #clusters = new ClusteredDies();
  #compared = 0;
  #passToFail = 0;
  #failToPass = 0;
  #dropped = 0;
  #failed = 0;
  #mean = 0;
  #squares = 0;

  constructor(primary: string, shadow: string) {
    this.primary = primary;
    this.shadow = shadow;
  }

  /** Dies that both versions decided. */
  get compared(): number {
    return this.#compared;
  }

  /** Dies that the primary passes and the shadow fails. */
  get passToFail(): number {
    return this.#passToFail;
  }

  /** Dies that the primary fails and the shadow passes. */
  get failToPass(): number {
    return this.#failToPass;
  }

  get disagreements(): number {
    return this.#passToFail + this.#failToPass;
  }

  /** How far the disagreements depart from those on independent dies. */
  disagreementSpread(): Spread {
    return this.#clusters.spread();
  }

  /** Dies that the shadow did not get to see, because traffic needed the workers. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Dies that the shadow gave no decision for. */
  get failed(): number {
    return this.#failed;
  }

  /** Mean of the score differences; undefined of nothing. */
  get meanScoreDifference(): number | undefined {
    return this.#compared === 0 ? undefined : this.#mean;
  }

  /** Standard deviation of the score differences (of a sample); undefined of fewer than two. */
  get deviationOfScoreDifference(): number | undefined {
    return this.#compared < 2 ? undefined : Math.sqrt(this.#squares / (this.#compared - 1));
  }

  /** Largest score difference by magnitude; undefined of nothing. */
  get largestScoreDifference(): number | undefined {
    const { min, max } = this.scoreDifferences;
    return this.#compared === 0 ? undefined : Math.max(Math.abs(min), Math.abs(max));
  }

  /**
   * Tells of a die that both decided; both scores are finite.
   * @param unit the die's sticky key
   */
  recordDie(primary: Judgement, shadow: Judgement, unit: string): void {
    const difference = shadow.score - primary.score;
    this.#compared++;
    this.#clusters.record(unit, primary.decision !== shadow.decision);
    if (primary.decision !== shadow.decision) {
      if (shadow.decision === 'fail') this.#passToFail++;
      else this.#failToPass++;
    }
    // Welford 1962: a sum of squares would cancel.
    const distance = difference - this.#mean;
    this.#mean += distance / this.#compared;
    this.#squares += distance * (difference - this.#mean);
    this.scoreDifferences.add(difference);
    this.primaryLatencies.add(primary.latencyMs);
    this.shadowLatencies.add(shadow.latencyMs);
  }

  recordDropped(dies = 1): void {
    this.#dropped += dies;
  }

  recordFailed(dies = 1): void {
    this.#failed += dies;
  }

  /** Adds everything that another account of the pair has seen (Chan, Golub and LeVeque 1983). */
  merge(other: PairAccount): void {
    const compared = this.#compared + other.#compared;
    if (other.#compared > 0) {
      const distance = other.#mean - this.#mean;
      this.#squares += other.#squares + (distance * distance * this.#compared * other.#compared) / compared;
      this.#mean += (distance * other.#compared) / compared;
    }
    this.#compared = compared;
    this.#passToFail += other.#passToFail;
    this.#failToPass += other.#failToPass;
    this.#dropped += other.#dropped;
    this.#failed += other.#failed;
    this.#clusters.merge(other.#clusters);
    this.scoreDifferences.merge(other.scoreDifferences);
    this.primaryLatencies.merge(other.primaryLatencies);
    this.shadowLatencies.merge(other.shadowLatencies);
  }
}
