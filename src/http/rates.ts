import { Refusal } from '../errors.js';
import type { Clock } from '../serving/clock.js';

/** Prediction requests a second; 0 for no limit. */
export interface Rates {
  /** Of each equipment of a caller. */
  readonly perEquipment: number;
  /** Of each caller, whatever equipment it names. */
  readonly perCaller: number;
}

/** What an answer says of a rate that its request was counted for (draft-ietf-httpapi-ratelimit-headers). */
export interface RateHeaders {
  readonly 'ratelimit-policy': string;
  readonly ratelimit: string;
}

/** A request that was counted. */
export interface Counted {
  readonly headers: RateHeaders;
  /** `rate_limited`, where it is one too many. */
  readonly refusal: Refusal | undefined;
}

/** Who is counted: the id of a key or a token's subject, empty for none, and the address of the client. */
export interface Counting {
  readonly keyId: string;
  readonly address: () => string;
}

// The headers know whole seconds: whatever is left of a window is one.
const WINDOW_S = 1;
// Callers and equipment that are known at a time; the one that came first is forgotten beyond it.
const MAX_KNOWN = 10_000;

/** Requests of somebody since the first one of this second. */
interface Window {
  readonly endsAtMs: number;
  requests: number;
}

/** Counts the prediction requests of each caller, or of each equipment, and says which are too many. */
export class RateLimit {
  readonly #name: string;
  readonly #max: number;
  readonly #clock: Clock;
  // In the order of their beginning: who is asked for again begins anew, at the end.
  readonly #windows = new Map<string, Window>();

  /**
   * @param name of the rate in the headers
   * @param max requests in a second
   */
  constructor(name: string, max: number, clock: Clock) {
    this.#name = name;
    this.#max = max;
    this.#clock = clock;
  }

  count(who: string): Counted {
    const nowMs = this.#clock.nowMs();
    const window = this.#windowOf(who, nowMs);
    window.requests++;
    const left = Math.max(0, this.#max - window.requests);
    return {
      headers: {
        'ratelimit-policy': `"${this.#name}";q=${this.#max};w=${WINDOW_S}`,
        ratelimit: `"${this.#name}";r=${left};t=${WINDOW_S}`,
      },
      refusal:
        window.requests <= this.#max
          ? undefined
          : new Refusal('rate_limited', `${who} is over its ${this.#max} prediction requests a second`, {
              retryAfterSeconds: WINDOW_S,
            }),
    };
  }

  /** Whether the next request of somebody would be too many. */
  isUsedUp(who: string): boolean {
    const window = this.#windows.get(who);
    return window !== undefined && this.#clock.nowMs() < window.endsAtMs && window.requests >= this.#max;
  }

  #windowOf(who: string, nowMs: number): Window {
    const known = this.#windows.get(who);
    if (known !== undefined && nowMs < known.endsAtMs) return known;
    this.#windows.delete(who);
    if (this.#windows.size >= MAX_KNOWN) {
      const [first] = this.#windows.keys();
      if (first !== undefined) this.#windows.delete(first);
    }
    const window = { endsAtMs: nowMs + 1000 * WINDOW_S, requests: 0 };
    this.#windows.set(who, window);
    return window;
  }
}

/** The limits of all prediction requests together, whichever way they come. */
export class RateLimits {
  readonly #perCaller: RateLimit | undefined;
  readonly #perEquipment: RateLimit | undefined;

  constructor({ perCaller, perEquipment }: Rates, clock: Clock) {
    if (perCaller > 0) this.#perCaller = new RateLimit('caller', perCaller, clock);
    if (perEquipment > 0) this.#perEquipment = new RateLimit('equipment', perEquipment, clock);
  }

  /** Counts a request for its caller; undefined where callers have no limit. */
  countCaller(counting: Counting): Counted | undefined {
    return this.#perCaller?.count(callerOf(counting));
  }

  /** Whether the next request of a caller would be too many. */
  isCallerUsedUp(counting: Counting): boolean {
    return this.#perCaller?.isUsedUp(callerOf(counting)) ?? false;
  }

  /**
   * Counts a request for the equipment of its first die, or for the caller where none is named; undefined where
   * equipment has no limit.
   */
  countEquipment(counting: Counting, equipmentId: string | null | undefined): Counted | undefined {
    return this.#perEquipment?.count(equipmentId ? equipmentOf(counting, equipmentId) : callerOf(counting));
  }
}

function callerOf({ keyId, address }: Counting): string {
  return keyId === '' ? `address ${address()}` : `key "${keyId}"`;
}

/** Of a caller's own, so that nobody uses up the rate of somebody else's equipment. */
function equipmentOf({ keyId }: Counting, equipmentId: string): string {
  return keyId === '' ? `equipment "${equipmentId}"` : `equipment "${equipmentId}" of key "${keyId}"`;
}
