import type { RowAllocator } from './decode/row-allocator.js';

// Rows kept for reuse; more than this many single dies are rarely in flight at once.
const MAX_KEPT = 256;

/**
 * Recycles the row buffers of single dies: a 2 KB buffer for each request would be most of what the
 * hot path allocates, and it is off-heap memory that the garbage collector sees late. Buffers of batch
 * calls have any size and are left to the collector.
 */
export class RowPool implements RowAllocator {
  readonly #parameterCount: number;
  readonly #free: Float32Array[] = [];
  // Only what was lent here comes back, and once: a view of a request's own bytes, or a row given back
  // twice, would hand one buffer to two dies.
  readonly #lent = new Set<Float32Array>();

  constructor(parameterCount: number) {
    this.#parameterCount = parameterCount;
  }

  take(dies: number): Float32Array {
    if (dies !== 1) return new Float32Array(dies * this.#parameterCount);
    const row = this.#free.pop() ?? new Float32Array(this.#parameterCount);
    this.#lent.add(row);
    return row;
  }

  give(rows: Float32Array): void {
    if (this.#lent.delete(rows) && this.#free.length < MAX_KEPT) this.#free.push(rows);
  }
}
