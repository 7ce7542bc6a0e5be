import type { Decision } from '../die/prediction.js';
import { Refusal } from '../errors.js';
import { type Interval, wilson, zOf } from '../statistics/proportions.js';

/** What became of the dies of a model whose truth was posted. */
export interface ModelOutcomes {
  /** Dies that it passed, and those of them that turned out to fail. */
  readonly passed: OutcomesOfKind;
  /** The same of the dies that it failed. */
  readonly failed: OutcomesOfKind;
  /** Share of the dies that turned out to fail, with its 95% interval of independent dies. */
  readonly failing: Interval;
}

interface OutcomesOfKind {
  readonly dies: number;
  readonly failing: number;
}

/** Dies of one version that were predicted and turned out alike. */
export interface OutcomeCount {
  readonly model: string;
  readonly version: string;
  readonly prediction: Decision;
  readonly actual: Decision;
  readonly dies: number;
}

const SIGNIFICANCE = 0.05;

/**
 * What became of predicted dies, by model, since this process started. It is told to people and changes nothing by
 * itself: another replica has been told of other dies, and the same die must get the same answer from all of them.
 */
export class OutcomeAccounts {
  readonly #models = new Map<string, Record<Decision, { dies: number; failing: number }>>();

  /** Bounded: only models that are loaded are counted. */
  readonly record = ({ model, prediction, actual, dies }: OutcomeCount): void => {
    let account = this.#models.get(model);
    if (account === undefined) {
      account = { pass: { dies: 0, failing: 0 }, fail: { dies: 0, failing: 0 } };
      this.#models.set(model, account);
    }
    account[prediction].dies += dies;
    if (actual === 'fail') account[prediction].failing += dies;
  };

  /** Undefined while nothing was posted. */
  of(model: string): ModelOutcomes | undefined {
    const account = this.#models.get(model);
    if (account === undefined) return undefined;
    const { pass: passed, fail: failed } = account;
    const failing = wilson(passed.failing + failed.failing, passed.dies + failed.dies, zOf(SIGNIFICANCE));
    return failing && { passed: { ...passed }, failed: { ...failed }, failing };
  }

  /**
   * The share of failing dies that the outcomes of a model show.
   * @throws Refusal `change_conflict` where they show none: of one decision only, or too few that turned out to fail
   */
  rateOf(model: string): number {
    const outcomes = this.of(model);
    if (outcomes === undefined) throw unknown(model, 'none were posted to this replica since it started');
    const { passed, failed, failing } = outcomes;
    if (passed.dies === 0 || failed.dies === 0)
      throw unknown(
        model,
        `they are of dies that it ${passed.dies === 0 ? 'failed' : 'passed'} only, expected both`,
      );
    const count = passed.failing + failed.failing;
    if (count < LEAST_FAILING || failing.value === 1)
      throw unknown(
        model,
        `${count} of ${passed.dies + failed.dies} dies turned out to fail, expected at least ${LEAST_FAILING}, and not all`,
      );
    return failing.value;
  }
}

function unknown(model: string, found: string): Refusal {
  return new Refusal('change_conflict', `no base rate can be taken from the outcomes of ${model}: ${found}`);
}

/** Fewest dies that turned out to fail before a rate is taken from them: it is then known to about a half. */
const LEAST_FAILING = 20;
