/**
 * More dies than this share of those that got so far stop at one place: that is no failing of dies but a
 * program that measures less.
 */
const LOST_SHARE = 0.5;

/** How far some dies were measured. */
export interface Reach {
  /** float64 [parameters]: dies that reached it: that were not stopped before it, as a failing die is. */
  readonly reached: Float64Array;
  /** float64 [parameters]: of those the ones without a value. */
  readonly missing: Float64Array;
}

/**
 * Which stops are none: where more than half of the dies that got so far have no value of this parameter nor of any
 * after it, these are no longer measured, and missing.
 * @param stops [parameters]: dies that were measured up to the parameter before this one and no further
 * @param dies all of them
 * @returns [parameters]: 1 at such a place; undefined where there is none
 */
export function lostAt(stops: ArrayLike<number>, dies: number): Uint8Array | undefined {
  let lost: Uint8Array | undefined;
  let left = dies;
  for (let p = 0; p < stops.length; p++) {
    const stopped = stops[p] ?? 0;
    if (stopped === 0) continue;
    if (stopped > LOST_SHARE * left) {
      lost ??= new Uint8Array(stops.length);
      lost[p] = 1;
    }
    left -= stopped;
  }
  return lost;
}

/** The places that are lost in either. */
export function lostInEither(a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array | undefined {
  if (a === b || b === undefined) return a;
  return a === undefined ? b : a.map((lost, p) => lost | (b[p] ?? 0));
}

/**
 * How far dies were measured.
 * @param stops as for {@link lostAt}
 * @param missingAt dies without a value of a parameter that have one of a later parameter
 * @param lost places where who stops is missing and not stopped
 */
export function reachOf(
  stops: ArrayLike<number>,
  dies: number,
  missingAt: (p: number) => number,
  lost: Uint8Array | undefined,
): Reach {
  const reached = new Float64Array(stops.length);
  const missing = new Float64Array(stops.length);
  let [left, gone] = [dies, 0];
  for (let p = 0; p < stops.length; p++) {
    const stopped = stops[p] ?? 0;
    if (stopped > 0) {
      if (lost?.[p] === 1) gone += stopped;
      else left -= stopped;
    }
    reached[p] = left;
    missing[p] = gone + missingAt(p);
  }
  return { reached, missing };
}
