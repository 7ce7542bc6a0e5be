import { largest } from './assess.js';
import { type FailRateVerdict, failRateDiffers } from './equipment-fail-rates.js';
import { PSI_CHANGED, PSI_DRIFTED } from './psi.js';

/** Steps in a row after which drift starts, and after which it ends. */
const STEPS_TO_START = 2;
const STEPS_TO_END = 2;

/** What may drift: the test parameters of a subject, or its share of failing dies. */
export type DriftAbout = 'parameters' | 'fail_rate';

/** What may drift, at the end of a step. */
export interface Observed {
  readonly about: DriftAbout;
  /** An equipment's id; undefined is the product. */
  readonly equipmentId: string | undefined;
  /** Whether there are dies enough to judge; what cannot be judged stays as it is. */
  readonly judged: boolean;
  /** float64 [parameters]: what is judged, beyond what wafers differ by; none for a fail rate. */
  readonly indexes: Float64Array;
  /** Of a fail rate: whether it differs. */
  readonly differs?: boolean;
}

/** The fail rate of an equipment, as it may begin to differ from the others. */
export function failRateObserved(found: FailRateVerdict, equipmentId: string): Observed {
  const judged = found.verdict !== 'open';
  return { about: 'fail_rate', equipmentId, judged, indexes: NO_INDEXES, differs: failRateDiffers(found) };
}

const NO_INDEXES = new Float64Array(0);

/** A change of state. */
export interface Change {
  readonly event: 'started' | 'ended';
  readonly about: DriftAbout;
  readonly equipmentId: string | undefined;
  /** recovered: below the limit again; gone: no dies for a whole window. */
  readonly reason: 'drifted' | 'recovered' | 'gone';
  readonly indexes: Float64Array;
}

interface State {
  readonly about: DriftAbout;
  readonly equipmentId: string | undefined;
  active: boolean;
  over: number;
  under: number;
}

/**
 * Whether the product or an equipment drifts, with hysteresis: it starts when the largest index is over
 * 0.25 at the end of two steps in a row, and ends when it is under 0.1 as often; for a fail rate, when it differs and
 * when it does not. Between the limits, and while there is too little to judge, nothing changes.
 */
export class DriftState {
  readonly #states = new Map<string, State>();

  /** Takes what the end of a step shows of everything that sent dies; an equipment left out is gone. */
  step(observed: readonly Observed[]): Change[] {
    const changes = observed.flatMap((subject) => this.#update(subject));
    const present = new Set(observed.map(keyOf));
    for (const [key, { active, about, equipmentId }] of this.#states) {
      if (present.has(key)) continue;
      this.#states.delete(key);
      if (active) changes.push({ event: 'ended', about, equipmentId, reason: 'gone', indexes: NO_INDEXES });
    }
    return changes;
  }

  /** What drifts now. */
  get active(): Pick<Observed, 'about' | 'equipmentId'>[] {
    return [...this.#states.values()].filter(({ active }) => active);
  }

  #update(observed: Observed): Change[] {
    const { about, equipmentId, judged, indexes, differs } = observed;
    const key = keyOf(observed);
    const state = this.#states.get(key) ?? { about, equipmentId, active: false, over: 0, under: 0 };
    this.#states.set(key, state);
    if (!judged) return [];
    const most = about === 'parameters' ? largest(indexes) : differs ? Number.POSITIVE_INFINITY : 0;
    state.over = most > PSI_DRIFTED ? state.over + 1 : 0;
    state.under = most < PSI_CHANGED ? state.under + 1 : 0;
    if (!state.active && state.over >= STEPS_TO_START) {
      state.active = true;
      return [{ event: 'started', about, equipmentId, reason: 'drifted', indexes }];
    }
    if (state.active && state.under >= STEPS_TO_END) {
      state.active = false;
      return [{ event: 'ended', about, equipmentId, reason: 'recovered', indexes }];
    }
    return [];
  }
}

function keyOf({ about, equipmentId }: Pick<Observed, 'about' | 'equipmentId'>): string {
  return `${about} ${equipmentId === undefined ? 'product' : `equipment ${equipmentId}`}`;
}
