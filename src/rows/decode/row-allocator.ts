/**
 * Where decoded rows are written. One die's row is 2 KB, so at full load the rows are most of what
 * a request allocates: a pool behind this interface recycles them.
 *
 * Ownership: a buffer that is returned inside `Measurements` belongs to the caller of the decoder,
 * who gives it back when the dies have been gathered into a batch. A buffer that becomes no
 * `Measurements` (the body was refused, or fell to the plain path) has been given back by the decoder
 * before it throws or returns: take and give are always balanced.
 */
export interface RowAllocator {
  /** A [dies × parameterCount] buffer, exactly that long; its contents are undefined. */
  take(dies: number): Float32Array;
  /** Gives back a buffer from `take` that nobody refers to any more. */
  give(rows: Float32Array): void;
}

/** Takes a new buffer each time and leaves the old one to the garbage collector. */
export function createPlainRows(parameterCount: number): RowAllocator {
  return {
    take: (dies) => new Float32Array(dies * parameterCount),
    give: () => {},
  };
}
