import type { Unscorable } from '../lots/unscorable.js';

/**
 * How a posted die ends: `answered` by a prediction; `refused` by an answer that repeating cannot
 * change; `given_up` when the server could not be brought to answer in time; `interrupted` by Ctrl-C.
 */
export const REPLAY_OUTCOMES = ['answered', 'refused', 'given_up', 'interrupted'] as const;
export type ReplayOutcome = (typeof REPLAY_OUTCOMES)[number];

/** What has become of the parts of the file so far. */
export interface Balance {
  /** Parts read. */
  readonly parts: number;
  readonly unposted: Readonly<Record<Unscorable, number>>;
  /** Dies handed to the server, each counted once however often it was sent. */
  readonly posted: number;
  readonly outcomes: Readonly<Record<ReplayOutcome, number>>;
  /** Posted and not settled yet. */
  readonly open: number;
  /** Whether nothing is open and every part is accounted for exactly once. */
  readonly reconciled: boolean;
}

/**
 * The book of a replay: every part is entered once, and every posted die settled once. A second entry
 * or settlement, or one without the other, is a fault of the replay itself and throws.
 * Memory: one byte for each part.
 */
export interface Ledger {
  /** Enters a part, by its index in the file, as not to be posted. */
  skip(part: number, why: Unscorable): void;
  /** Enters a part as posted. */
  post(part: number): void;
  /** Settles a posted part. */
  settle(part: number, outcome: ReplayOutcome): void;
  balance(): Balance;
}

const UNKNOWN = 0;
const SKIPPED = 1;
const OPEN = 2;
const SETTLED = 3;
const STATES = ['not entered', 'entered as not posted', 'open', 'settled'] as const;

export function createLedger(): Ledger {
  let states = new Uint8Array(1024);
  const unposted = { no_results: 0, missing_values: 0, not_ended: 0 };
  const outcomes = { answered: 0, refused: 0, given_up: 0, interrupted: 0 };

  function move(part: number, from: number, to: number): void {
    if (part >= states.length) {
      const larger = new Uint8Array(Math.max(part + 1, 2 * states.length));
      larger.set(states);
      states = larger;
    }
    const found = states[part] ?? UNKNOWN;
    if (found !== from) {
      throw new Error(`part ${part} of the file is ${STATES[found]}, expected ${STATES[from]}`);
    }
    states[part] = to;
  }

  function count(state: number): number {
    return states.reduce((sum, each) => sum + (each === state ? 1 : 0), 0);
  }

  return {
    skip(part, why) {
      move(part, UNKNOWN, SKIPPED);
      unposted[why]++;
    },
    post(part) {
      move(part, UNKNOWN, OPEN);
    },
    settle(part, outcome) {
      move(part, OPEN, SETTLED);
      outcomes[outcome]++;
    },
    balance() {
      // Counted from the states, so that agreeing with the counters says something.
      const [skipped, open, settled] = [count(SKIPPED), count(OPEN), count(SETTLED)];
      const parts = skipped + open + settled;
      return {
        parts,
        unposted: { ...unposted },
        posted: open + settled,
        outcomes: { ...outcomes },
        open,
        reconciled: open === 0 && sum(unposted) === skipped && sum(outcomes) === settled,
      };
    },
  };
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, each) => total + each, 0);
}
