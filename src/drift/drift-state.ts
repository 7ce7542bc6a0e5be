import { largest } from './assess.js';
import { PSI_CHANGED, PSI_DRIFTED } from './psi.js';

/** Steps in a row after which drift starts, and after which it ends. */
export const STEPS_TO_START = 2;
export const STEPS_TO_END = 2;

/** What may drift, at the end of a step. */
export interface Observed {
  /** An equipment's id; undefined is the product. */
  readonly equipmentId: string | undefined;
  /** Whether there are dies enough to judge; what cannot be judged stays as it is. */
  readonly judged: boolean;
  /** float64 [parameters]: what is judged, beyond what wafers differ by. */
  readonly indexes: Float64Array;
}

/** A change of state. */
export interface Change {
  readonly event: 'started' | 'ended';
  readonly equipmentId: string | undefined;
  /** recovered: below the limit again; gone: no dies for a whole window. */
  readonly reason: 'drifted' | 'recovered' | 'gone';
  readonly indexes: Float64Array;
}

interface State {
  active: boolean;
  over: number;
  under: number;
}

/**
 * Whether the product or an equipment drifts, with hysteresis: it starts when the largest index is over
 * 0.25 at the end of two steps in a row, and ends when it is under 0.1 as often. Between the limits, and
 * while there is too little to judge, nothing changes.
 */
export class DriftState {
  readonly #states = new Map<string | undefined, State>();

  /** Takes what the end of a step shows of everything that sent dies; an equipment left out is gone. */
  step(observed: readonly Observed[]): Change[] {
    const changes = observed.flatMap((subject) => this.#update(subject));
    const present = new Set(observed.map(({ equipmentId }) => equipmentId));
    for (const [equipmentId, { active }] of this.#states) {
      if (present.has(equipmentId)) continue;
      this.#states.delete(equipmentId);
      if (active) changes.push({ event: 'ended', equipmentId, reason: 'gone', indexes: new Float64Array(0) });
    }
    return changes;
  }

  /** What drifts now: equipment by id, and undefined for the product. */
  get active(): (string | undefined)[] {
    return [...this.#states].flatMap(([equipmentId, { active }]) => (active ? [equipmentId] : []));
  }

  #update({ equipmentId, judged, indexes }: Observed): Change[] {
    const state = this.#states.get(equipmentId) ?? { active: false, over: 0, under: 0 };
    this.#states.set(equipmentId, state);
    if (!judged) return [];
    const most = largest(indexes);
    state.over = most > PSI_DRIFTED ? state.over + 1 : 0;
    state.under = most < PSI_CHANGED ? state.under + 1 : 0;
    if (!state.active && state.over >= STEPS_TO_START) {
      state.active = true;
      return [{ event: 'started', equipmentId, reason: 'drifted', indexes }];
    }
    if (state.active && state.under >= STEPS_TO_END) {
      state.active = false;
      return [{ event: 'ended', equipmentId, reason: 'recovered', indexes }];
    }
    return [];
  }
}
