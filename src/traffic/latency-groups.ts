import { QuantileSketch } from './sketch.js';

/** Groups of the blocks of time: enough for a spread (7 degrees of freedom), few enough to keep a sketch each. */
export const LATENCY_GROUPS = 8;

// Longer than most stalls, short enough that a minute has every group.
const BLOCK_MS = 5_000;

/**
 * Latencies by time: each block of five seconds belongs to one of eight groups in turn, and each group has a
 * sketch (random groups: Wolter, Introduction to Variance Estimation, 2007, chapter 2). Latencies of one
 * moment are alike, and a stall of the machine hits every version that is asked meanwhile: in the same group.
 * A group's sketch is made when it is first used: 14 KB each.
 */
export class LatencyGroups {
  readonly #groups: (QuantileSketch | undefined)[] = Array(LATENCY_GROUPS).fill(undefined);

  /** @param atMs when the die was answered, on any clock that all versions share */
  add(latencyMs: number, atMs: number): void {
    const group = Math.floor(atMs / BLOCK_MS) % LATENCY_GROUPS;
    let sketch = this.#groups[group];
    if (sketch === undefined) {
      sketch = new QuantileSketch();
      this.#groups[group] = sketch;
    }
    sketch.add(latencyMs);
  }

  /** The latencies of a group; undefined while it has none. */
  group(index: number): QuantileSketch | undefined {
    return this.#groups[index];
  }

  /** All latencies in one sketch. */
  all(): QuantileSketch {
    const all = new QuantileSketch();
    for (const group of this.#groups) if (group !== undefined) all.merge(group);
    return all;
  }

  merge(other: LatencyGroups): void {
    for (let i = 0; i < LATENCY_GROUPS; i++) {
      const more = other.#groups[i];
      if (more === undefined) continue;
      const sketch = this.#groups[i] ?? new QuantileSketch();
      sketch.merge(more);
      this.#groups[i] = sketch;
    }
  }
}
