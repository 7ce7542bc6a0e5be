import { DriftCounts } from './counts.js';
import type { GroupCounts } from './drift-counter.js';

/**
 * The dies of the last steps, by group of equipment: the step under way and those before it. Time is the
 * caller's: it says when a step ends.
 */
export class DriftWindow {
  readonly #steps: number;
  readonly #all: StepsOf;
  readonly #groups = new Map<number, StepsOf>();
  readonly #parameters: number;
  #ended = 0;

  /** @param steps steps of a full window, at least 1 */
  constructor(parameters: number, steps: number) {
    this.#parameters = parameters;
    this.#steps = steps;
    this.#all = new StepsOf(parameters);
  }

  /** Adds dies to the step under way. */
  add(counted: readonly GroupCounts[]): void {
    for (const { group, counts } of counted) {
      const steps = this.#groups.get(group) ?? new StepsOf(this.#parameters, this.#ended);
      this.#groups.set(group, steps);
      steps.add(counts);
      this.#all.add(counts);
    }
  }

  /** Ends the step under way; the oldest leaves when the window is full. */
  nextStep(): void {
    // The step under way is one of them.
    const full = this.#ended === this.#steps - 1;
    if (!full) this.#ended++;
    this.#all.nextStep(full);
    for (const [group, steps] of this.#groups) {
      steps.nextStep(full);
      if (steps.empty) this.#groups.delete(group);
    }
  }

  /** Groups that have dies in the window, ascending. */
  groups(): number[] {
    return [...this.#groups.keys()].sort((a, b) => a - b);
  }

  /** All dies. */
  all(): WindowDies {
    return this.#all.dies();
  }

  /** The dies of one group. */
  of(group: number): WindowDies {
    return (this.#groups.get(group) ?? new StepsOf(this.#parameters)).dies();
  }
}

/** Counts of some dies by step, and the sum of the steps that have ended, which need not be summed again. */
class StepsOf {
  readonly #parameters: number;
  readonly #sum: DriftCounts;
  readonly #ended: DriftCounts[];
  #current: DriftCounts | undefined;

  /** @param before steps that ended before there were any of these dies */
  constructor(parameters: number, before = 0) {
    this.#parameters = parameters;
    this.#sum = new DriftCounts(parameters);
    this.#ended = Array.from({ length: before }, () => NOTHING);
  }

  get empty(): boolean {
    return this.#current === undefined && this.#ended.every((counts) => counts === NOTHING);
  }

  add(counts: DriftCounts): void {
    this.#current ??= new DriftCounts(this.#parameters);
    this.#current.add(counts);
  }

  nextStep(full: boolean): void {
    const current = this.#current ?? NOTHING;
    this.#ended.push(current);
    if (current !== NOTHING) this.#sum.addWhole(current, 1);
    this.#current = undefined;
    const oldest = full ? this.#ended.shift() : undefined;
    if (oldest !== undefined && oldest !== NOTHING) this.#sum.addWhole(oldest, -1);
  }

  dies(): WindowDies {
    const total = this.#sum.copyOfWhole();
    // What is no whole number is summed anew: a value far out would leave its rounding behind when it leaves.
    for (const counts of this.#ended) total.addSums(counts);
    if (this.#current !== undefined) total.add(this.#current);
    return { total, steps: [...this.#ended, this.#current ?? NOTHING] };
  }
}

/** A step without dies. */
const NOTHING = new DriftCounts(0);

/** Counted dies of a window, whole and by step; the steps are to be read only, and before more dies are added. */
export interface WindowDies {
  readonly total: DriftCounts;
  /** Every step, oldest first; some may be empty. The last one is under way: the others never change again. */
  readonly steps: readonly DriftCounts[];
}
