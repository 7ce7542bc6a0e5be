import type { Decision } from '../die/prediction.js';

/** What dies of one version turned out to be, and how they had been decided. */
export class OutcomeTally {
  readonly #counts = { pass: { pass: 0, fail: 0 }, fail: { pass: 0, fail: 0 } };

  /** Tells of dies that were decided alike and turned out alike. */
  record(prediction: Decision, actual: Decision, dies: number): void {
    this.#counts[prediction][actual] += dies;
  }

  /** Dies whose outcome is known. */
  get dies(): number {
    return this.turnedOut('pass') + this.turnedOut('fail');
  }

  /** Those of them that were decided as they turned out. */
  get correct(): number {
    return this.#counts.pass.pass + this.#counts.fail.fail;
  }

  /** Dies that were passed and turned out to fail. */
  get escapes(): number {
    return this.#counts.pass.fail;
  }

  /** Dies that were failed and turned out to pass. */
  get falseAlarms(): number {
    return this.#counts.fail.pass;
  }

  /** Dies that turned out so. */
  turnedOut(actual: Decision): number {
    return this.#counts.pass[actual] + this.#counts.fail[actual];
  }

  /** Adds everything that another tally has seen. */
  merge(other: OutcomeTally): void {
    for (const prediction of ['pass', 'fail'] as const)
      for (const actual of ['pass', 'fail'] as const)
        this.record(prediction, actual, other.#counts[prediction][actual]);
  }
}
