import type { RowAllocator } from './decode/row-allocator.js';

// Bytes kept for reuse: some hundred single dies, or the batch calls of a few testers.
const MAX_KEPT_BYTES = 8 * 1024 * 1024;

/**
 * Recycles the row buffers of calls, by their number of dies: a new buffer for each call would be most of
 * what the hot path allocates, and it is off-heap memory, which drives the garbage collector hardest.
 */
export class RowPool implements RowAllocator {
  readonly #parameterCount: number;
  // By number of dies: a tester sends the same number again and again.
  readonly #free = new Map<number, Float32Array[]>();
  // Only what was lent here comes back, and once: a view of a request's own bytes, or a row given back
  // twice, would hand one buffer to two calls.
  readonly #lent = new Set<Float32Array>();
  #keptBytes = 0;

  constructor(parameterCount: number) {
    this.#parameterCount = parameterCount;
  }

  take(dies: number): Float32Array {
    const recycled = this.#free.get(dies)?.pop();
    if (recycled !== undefined) this.#keptBytes -= recycled.byteLength;
    const rows = recycled ?? new Float32Array(dies * this.#parameterCount);
    this.#lent.add(rows);
    return rows;
  }

  give(rows: Float32Array): void {
    if (!this.#lent.delete(rows)) return;
    if (this.#keptBytes + rows.byteLength > MAX_KEPT_BYTES) {
      // Sizes that nobody asks for any more must not keep out those that are in use.
      this.#free.clear();
      this.#keptBytes = 0;
    }
    const dies = rows.length / this.#parameterCount;
    const same = this.#free.get(dies);
    if (same === undefined) this.#free.set(dies, [rows]);
    else same.push(rows);
    this.#keptBytes += rows.byteLength;
  }
}
