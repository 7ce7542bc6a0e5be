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
  address(): string;
}

// The headers know whole seconds: whatever is left of a window is one.
const WINDOW_S = 1;
// A request counts for a second and what is left of its slot: 50 ms more at the most.
const SLOT_MS = 50;
// Two requests that are less than a second apart are this many slots apart at the most, and one more is the newest.
const SLOTS = (1000 * WINDOW_S) / SLOT_MS + 1;
// Callers and equipment that are known at a time; the one that came first is forgotten beyond it.
const MAX_KNOWN = 10_000;

/** The requests of somebody that were let through in the last second: a sliding window in slots of 50 ms. */
class Recent {
  readonly #slots = new Uint32Array(SLOTS);
  /** Number of the newest slot since time began. */
  #newest = 0;
  #total = 0;

  /** How many there are; what is older than the window is dropped. */
  at(nowMs: number): number {
    const slot = Math.floor(nowMs / SLOT_MS);
    const passed = Math.min(SLOTS, slot - this.#newest);
    for (let i = 1; i <= passed; i++) {
      const index = (this.#newest + i) % SLOTS;
      this.#total -= this.#slots[index] ?? 0;
      this.#slots[index] = 0;
    }
    if (passed > 0) this.#newest = slot;
    return this.#total;
  }

  /** Adds one, at the time that {@link at} was last asked for. */
  add(): void {
    this.#slots[this.#newest % SLOTS]++;
    this.#total++;
  }
}

/** Counts the prediction requests of each caller, or of each equipment, and says which are too many. */
export class RateLimit {
  readonly #name: string;
  readonly #max: number;
  readonly #clock: Clock;
  // In the order of their beginning: who is asked for again after a second without any begins anew, at the end.
  readonly #known = new Map<string, Recent>();

  /**
   * @param name of the rate in the headers
   * @param max requests in any second
   */
  constructor(name: string, max: number, clock: Clock) {
    this.#name = name;
    this.#max = max;
    this.#clock = clock;
  }

  /** Counts a request; one that is refused does not count, so that whoever asks too often is let in again. */
  count(who: string): Counted {
    const recent = this.#recentOf(who);
    const before = recent.at(this.#clock.nowMs());
    const isLet = before < this.#max;
    if (isLet) recent.add();
    const left = isLet ? this.#max - before - 1 : 0;
    return {
      headers: {
        'ratelimit-policy': `"${this.#name}";q=${this.#max};w=${WINDOW_S}`,
        ratelimit: `"${this.#name}";r=${left};t=${WINDOW_S}`,
      },
      refusal: isLet
        ? undefined
        : new Refusal('rate_limited', `${who} is over its ${this.#max} prediction requests a second`, {
            retryAfterSeconds: WINDOW_S,
          }),
    };
  }

  /** Whether the next request of somebody would be too many. */
  isUsedUp(who: string): boolean {
    const recent = this.#known.get(who);
    return recent !== undefined && recent.at(this.#clock.nowMs()) >= this.#max;
  }

  #recentOf(who: string): Recent {
    const known = this.#known.get(who);
    if (known !== undefined && known.at(this.#clock.nowMs()) > 0) return known;
    this.#known.delete(who);
    if (this.#known.size >= MAX_KNOWN) {
      const [first] = this.#known.keys();
      if (first !== undefined) this.#known.delete(first);
    }
    const recent = known ?? new Recent();
    this.#known.set(who, recent);
    return recent;
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

function callerOf(counting: Counting): string {
  const { keyId } = counting;
  return keyId === '' ? `address ${counting.address()}` : `key "${keyId}"`;
}

/** Of a caller's own, so that nobody uses up the rate of somebody else's equipment. */
function equipmentOf({ keyId }: Counting, equipmentId: string): string {
  return keyId === '' ? `equipment "${equipmentId}"` : `equipment "${equipmentId}" of key "${keyId}"`;
}
