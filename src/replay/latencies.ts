/** Durations as people ask for them, in milliseconds; by nearest rank, so each one was measured. */
export interface Quantiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** Keeps durations: 8 bytes each, exact quantiles. */
export interface Latencies {
  add(ms: number): void;
  /** Undefined while there is none. */
  quantiles(): Quantiles | undefined;
}

export function createLatencies(): Latencies {
  let kept = new Float64Array(256);
  let count = 0;
  return {
    add(ms) {
      if (count === kept.length) {
        const larger = new Float64Array(2 * count);
        larger.set(kept);
        kept = larger;
      }
      kept[count++] = ms;
    },
    quantiles() {
      if (count === 0) return undefined;
      const sorted = kept.slice(0, count).sort();
      const at = (share: number) => sorted[Math.ceil(share * count) - 1] ?? Number.NaN;
      return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
    },
  };
}
