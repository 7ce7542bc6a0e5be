import type { Decision } from '../die/prediction.js';
import { type DesignEffect, FailClusters } from './clusters.js';
import { QuantileSketch } from './sketch.js';

/**
 * What is known of the dies that one version was asked for: about 30 KB whatever their number, 14 more once a
 * score is negative. Telling it of a die makes no object.
 */
export class VersionAccount {
  readonly version: string;
  /** Anomaly scores of the decided dies. */
  readonly scores = new QuantileSketch();
  /** Milliseconds that each decided die took. */
  readonly latencies = new QuantileSketch();
  readonly #clusters = new FailClusters();
  #dies = 0;
  #fails = 0;
  #errors = 0;

  constructor(version: string) {
    this.version = version;
  }

  /** Decided dies. */
  get dies(): number {
    return this.#dies;
  }

  /** Decided dies that failed. */
  get fails(): number {
    return this.#fails;
  }

  /** Dies that the version gave no decision for, by a fault of its own. */
  get errors(): number {
    return this.#errors;
  }

  /** Decided dies and errors. */
  get attempts(): number {
    return this.#dies + this.#errors;
  }

  /** How far the fails depart from those of independent dies. */
  get designEffect(): DesignEffect {
    return this.#clusters.designEffect();
  }

  /**
   * Tells of a decided die.
   * @param unit what decided that this version got the die: its sticky key
   */
  recordDie(score: number, decision: Decision, latencyMs: number, unit: string): void {
    const fails = decision === 'fail';
    this.#dies++;
    if (fails) this.#fails++;
    this.#clusters.record(unit, fails);
    this.scores.add(score);
    this.latencies.add(latencyMs);
  }

  /** Tells of dies that failed by the version's own fault (it threw, or its scores were not finite). */
  recordErrors(dies = 1): void {
    this.#errors += dies;
  }

  /** Adds everything that another account of the version has seen. */
  merge(other: VersionAccount): void {
    this.#dies += other.#dies;
    this.#fails += other.#fails;
    this.#errors += other.#errors;
    this.#clusters.merge(other.#clusters);
    this.scores.merge(other.scores);
    this.latencies.merge(other.latencies);
  }
}
