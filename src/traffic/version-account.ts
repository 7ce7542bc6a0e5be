import type { Decision } from '../die/prediction.js';
import { QuantileSketch } from './sketch.js';

/**
 * What is known of the dies that one version was asked for: about 28 KB, whatever their number. Telling
 * it of a die allocates nothing.
 */
export class VersionAccount {
  readonly version: string;
  /** Anomaly scores of the decided dies. */
  readonly scores = new QuantileSketch();
  /** Milliseconds that each decided die took. */
  readonly latencies = new QuantileSketch();
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

  recordDie(score: number, decision: Decision, latencyMs: number): void {
    this.#dies++;
    if (decision === 'fail') this.#fails++;
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
    this.scores.merge(other.scores);
    this.latencies.merge(other.latencies);
  }
}
