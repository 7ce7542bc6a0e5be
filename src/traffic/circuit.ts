import { z } from 'zod';

/** When a version that fails again and again is given a rest. */
export const CircuitSettingsSchema = z
  .strictObject({
    faults: z.int().min(1).max(1000).default(5).describe('Faults in a row that open the circuit'),
    pauseMs: z
      .int()
      .min(1)
      .max(3_600_000)
      .default(1000)
      .describe('Milliseconds until the first probe; doubled after each probe that fails'),
    maxPauseMs: z.int().min(1).max(86_400_000).default(60_000).describe('Longest pause between two probes'),
  })
  .refine(({ pauseMs, maxPauseMs }) => pauseMs <= maxPauseMs, {
    path: ['maxPauseMs'],
    error: 'expected at least pauseMs',
  });

export type CircuitSettings = z.infer<typeof CircuitSettingsSchema>;

/**
 * - `closed`: calls go to the version
 * - `open`: none does, until the pause is over
 * - `half_open`: one does, as a probe
 */
export type CircuitState = 'closed' | 'open' | 'half_open';

/** Told of every change of state. */
type CircuitListener = (state: CircuitState, reason: string) => void;

/** Admits a call; its outcome is settled with the same ticket. */
type Ticket = number;

/**
 * The circuit breaker of one version (Nygard, Release It!, 2007). Every time is a parameter, in milliseconds
 * of one monotonic clock.
 *
 * Ask `admit` before each call and settle its ticket with `succeeded` or `failed`. A call that ends
 * otherwise (cancelled, expired) needs no settling: it says nothing of the version. Outcomes of calls that
 * were admitted before the last change of state say nothing of it either and are left out.
 */
export class Circuit {
  readonly #settings: CircuitSettings;
  readonly #onChange: CircuitListener;
  #state: CircuitState = 'closed';
  /** Counts changes of state and probes; the ticket of every call that is admitted meanwhile. */
  #ticket: Ticket = 1;
  #faultsInARow = 0;
  #pauseMs: number;
  #resumesAtMs = 0;

  constructor(settings: CircuitSettings, onChange: CircuitListener) {
    this.#settings = settings;
    this.#onChange = onChange;
    this.#pauseMs = settings.pauseMs;
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** When the next probe may go, while the circuit is not closed. */
  get resumesAtMs(): number {
    return this.#resumesAtMs;
  }

  /** A ticket if a call may go to the version now, else undefined. */
  admit(nowMs: number): Ticket | undefined {
    if (this.#state === 'closed') return this.#ticket;
    if (nowMs < this.#resumesAtMs) return undefined;
    // A probe that is never settled must not keep the circuit open for ever: the next one goes after
    // another pause, and makes the first one's ticket void.
    this.#resumesAtMs = nowMs + this.#pauseMs;
    if (this.#state === 'open') this.#change('half_open', `one call probes the version`);
    else this.#ticket++;
    return this.#ticket;
  }

  /** The call gave scores. */
  succeeded(ticket: Ticket): void {
    if (ticket !== this.#ticket) return;
    this.#faultsInARow = 0;
    if (this.#state !== 'half_open') return;
    this.#pauseMs = this.#settings.pauseMs;
    this.#change('closed', 'the probe succeeded');
  }

  /** The call failed by the version's own fault. */
  failed(ticket: Ticket, nowMs: number): void {
    if (ticket !== this.#ticket || this.#state === 'open') return;
    this.#faultsInARow++;
    if (this.#state === 'half_open') {
      this.#pauseMs = Math.min(2 * this.#pauseMs, this.#settings.maxPauseMs);
      this.#open(nowMs, 'the probe failed');
    } else if (this.#faultsInARow >= this.#settings.faults) {
      this.#open(nowMs, `${this.#faultsInARow} faults in a row`);
    }
  }

  #open(nowMs: number, reason: string): void {
    this.#faultsInARow = 0;
    this.#resumesAtMs = nowMs + this.#pauseMs;
    this.#change('open', `${reason}; the next probe may go in ${this.#pauseMs} ms`);
  }

  #change(state: CircuitState, reason: string): void {
    this.#state = state;
    this.#ticket++;
    this.#onChange(state, reason);
  }
}
