import { DriftCounts } from './counts.js';
import type { GroupCounts } from './drift-counter.js';

/**
 * The dies of the last steps, by group of equipment: the step under way and those before it. Time is the
 * caller's: it says when a step ends.
 */
export class DriftWindow {
  readonly #parameters: number;
  readonly #steps: number;
  // Newest last. A step has only the groups that sent dies.
  readonly #counts: Map<number, DriftCounts>[] = [new Map()];
  // Of each step that has ended the sum of its groups, so that it need not be summed again.
  readonly #ended: DriftCounts[] = [];

  /** @param steps steps of a full window, at least 1 */
  constructor(parameters: number, steps: number) {
    this.#parameters = parameters;
    this.#steps = steps;
  }

  /** Adds dies to the step under way. */
  add(counted: readonly GroupCounts[]): void {
    const current = this.#counts.at(-1);
    for (const { group, counts } of counted) {
      const sum = current?.get(group);
      if (sum === undefined) current?.set(group, counts);
      else sum.add(counts);
    }
  }

  /** Ends the step under way; the oldest leaves when the window is full. */
  nextStep(): void {
    this.#ended.push(this.#sumOfCurrent());
    this.#counts.push(new Map());
    if (this.#counts.length <= this.#steps) return;
    this.#counts.shift();
    this.#ended.shift();
  }

  /** Groups that have dies in the window, ascending. */
  groups(): number[] {
    return [...new Set(this.#counts.flatMap((step) => [...step.keys()]))].sort((a, b) => a - b);
  }

  /** All dies. */
  all(): WindowDies {
    return this.#over([...this.#ended, this.#sumOfCurrent()]);
  }

  /** The dies of one group. */
  of(group: number): WindowDies {
    return this.#over(this.#counts.map((step) => step.get(group) ?? new DriftCounts(0)));
  }

  #over(steps: readonly DriftCounts[]): WindowDies {
    return { total: this.#sum(steps.filter(({ dies }) => dies > 0)), steps };
  }

  #sumOfCurrent(): DriftCounts {
    return this.#sum([...(this.#counts.at(-1)?.values() ?? [])]);
  }

  #sum(parts: readonly DriftCounts[]): DriftCounts {
    const sum = new DriftCounts(this.#parameters);
    for (const part of parts) sum.add(part);
    return sum;
  }
}

/** Counted dies of a window, whole and by step; the steps are to be read only, and before more dies are added. */
export interface WindowDies {
  readonly total: DriftCounts;
  /** Every step, oldest first; some may be empty. */
  readonly steps: readonly DriftCounts[];
}
