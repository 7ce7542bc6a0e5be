import type { MeasurementContract, Measurements } from '../../../src/die/die.js';
import { Refusal } from '../../../src/errors.js';
import type { RowAllocator } from '../../../src/rows/decode/row-allocator.js';

export function contractOf(parameterCount: number, acceptsMissing = false): MeasurementContract {
  return { parameterCount, acceptsMissing };
}

/** Rows full of another die's values, as a pool gives them, and how many buffers are out. */
export class CountedRows implements RowAllocator {
  outstanding = 0;
  taken = 0;
  readonly #parameterCount: number;

  constructor({ parameterCount }: MeasurementContract) {
    this.#parameterCount = parameterCount;
  }

  take(dies: number): Float32Array {
    this.outstanding++;
    this.taken++;
    return new Float32Array(dies * this.#parameterCount).fill(-77);
  }

  give(): void {
    this.outstanding--;
  }
}

/** The refusal that a call ends in; anything else that it throws, or no refusal, fails the test. */
export function refusalOf(call: () => unknown): Refusal {
  try {
    call();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('expected a refusal, found none');
}

/** The bits of each value, so that -0 is not 0. */
export function bitsOf(params: Float32Array): number[] {
  return [...new Uint32Array(params.buffer, params.byteOffset, params.length)];
}

/** Everything that an observer can tell about a decoding: the dies to the last bit, or the refusal. */
export type Outcome =
  | { readonly labels: readonly Record<string, unknown>[]; readonly bits: readonly number[] }
  | Pick<Refusal, 'code' | 'status' | 'faults' | 'totalFaults'>;

export function outcomeOf(decode: () => Measurements): Outcome {
  try {
    const { labels, params } = decode();
    // Absent and undefined are the same to every reader.
    return { labels: labels.map(defined), bits: bitsOf(params) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, status, faults, totalFaults } = error;
    return { code, status, faults, totalFaults };
  }
}

export function defined(label: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(label).filter(([, value]) => value !== undefined));
}

/** A seeded stream of numbers from 0 to 1 (mulberry32), so that a failing round can be run again. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `from` to `to`, both included. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.fraction() * (to - from + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.whole(0, choices.length - 1)];
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  digits(count: number): string {
    let text = '';
    while (text.length < count) text += String(this.whole(0, 9));
    return text;
  }
}
