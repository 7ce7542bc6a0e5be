import { log } from './portable-math.js';

/** A reproducible source of random numbers: the same name gives the same numbers everywhere. */
export interface Random {
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number;
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
  /** Whole number from 0 to below `count`. */
  below(count: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** Standard normal. */
  normal(): number;
}

/**
 * A generator of its own for each name (xoshiro128**, Blackman and Vigna 2018, seeded from a hash of
 * the name), so that drawing more numbers for one purpose never shifts those of another.
 */
export function createRandom(name: string): Random {
  const next = xoshiro128(seedOf(name));
  let spare = Number.NaN;

  const uniform = () => {
    const high = next() >>> 5;
    const low = next() >>> 6;
    return (high * 67_108_864 + low) / 9_007_199_254_740_992;
  };

  // Marsaglia's polar method: needs only log and sqrt, unlike Box and Muller's sin and cos.
  const normal = () => {
    if (!Number.isNaN(spare)) {
      const value = spare;
      spare = Number.NaN;
      return value;
    }
    for (;;) {
      const u = 2 * uniform() - 1;
      const v = 2 * uniform() - 1;
      const square = u * u + v * v;
      if (square >= 1 || square === 0) continue;
      const factor = Math.sqrt((-2 * log(square)) / square);
      spare = v * factor;
      return u * factor;
    }
  };

  return {
    uniform,
    normal,
    between: (low, high) => low + (high - low) * uniform(),
    below: (count) => Math.floor(uniform() * count),
    chance: (probability) => uniform() < probability,
  };
}

/** 32-bit hash of a text (FNV-1a over UTF-16 units, then murmur3's finaliser). */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function seedOf(name: string): Uint32Array {
  // Four hashes of distinct texts: all four zero, which xoshiro forbids, does not happen by design
  // of the first word (1 is or-ed in).
  const state = Uint32Array.from([0, 1, 2, 3], (word) => hash32(`${name}\u0000${word}`));
  state[0] = (state[0] ?? 0) | 1;
  return state;
}

function xoshiro128(state: Uint32Array): () => number {
  let [a = 1, b = 0, c = 0, d = 0] = state;
  return () => {
    const scrambled = Math.imul(b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
}
