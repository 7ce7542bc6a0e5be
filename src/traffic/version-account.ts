import type { Decision } from '../die/prediction.js';
import type { Spread } from '../statistics/design-effect.js';
import { ClusteredDies } from './clusters.js';
import { LatencyGroups } from './latency-groups.js';
import { OutcomeTally } from './outcome-tally.js';
import { QuantileSketch } from './sketch.js';

/**
 * What is known of the dies that one version was asked for: 130 KB at the most whatever their number, 14 more
 * once a score is negative. Telling it of a die makes no object.
 */
export class VersionAccount {
  readonly version: string;
  /** Anomaly scores of the decided dies. */
  readonly scores = new QuantileSketch();
  /** Milliseconds that each decided die took. */
  readonly latencies = new LatencyGroups();
  /** Of its dies whose outcome was posted, whenever they were decided. */
  readonly outcomes: OutcomeTally;
  readonly #clusters = new ClusteredDies();
  #dies = 0;
  #fails = 0;
  #errors = 0;

  /** @param outcomes those that are known of the version already, which may be told of more by others too */
  constructor(version: string, outcomes = new OutcomeTally()) {
    this.version = version;
    this.outcomes = outcomes;
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

  /** About how many wafers (or whatever the sticky key names) its dies are of. */
  get units(): number {
    return this.#clusters.units;
  }

  /** How far the fails depart from those of independent dies. */
  failSpread(): Spread {
    return this.#clusters.spread();
  }

  /** The same of the dies without a decision. */
  errorSpread(): Spread {
    return this.#clusters.errorSpread();
  }

  /**
   * Tells of a decided die.
   * @param unit what decided that this version got the die: its sticky key
   * @param atMs when, on a clock that all versions share
   */
  recordDie(score: number, decision: Decision, latencyMs: number, unit: string, atMs: number): void {
    const fails = decision === 'fail';
    this.#dies++;
    if (fails) this.#fails++;
    this.#clusters.record(unit, fails);
    this.scores.add(score);
    this.latencies.add(latencyMs, atMs);
  }

  /** Tells of a die that failed by the version's own fault (it threw, or its scores were not finite). */
  recordError(unit: string): void {
    this.#errors++;
    this.#clusters.recordError(unit);
  }

  /** Adds everything that another account of the version has seen. */
  merge(other: VersionAccount): void {
    this.#dies += other.#dies;
    this.#fails += other.#fails;
    this.#errors += other.#errors;
    this.#clusters.merge(other.#clusters);
    this.scores.merge(other.scores);
    this.latencies.merge(other.latencies);
    this.outcomes.merge(other.outcomes);
  }
}
