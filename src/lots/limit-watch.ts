import { NO_LIMITS, type Part, type TestDefinition, type TestLimits } from '../stdf/stdf.js';

/** Limits that came to hold midway. */
interface LimitsFrom {
  readonly limits: TestLimits;
  /** The first part that they held for, in the order in which parts ended. */
  readonly part: Pick<Part, 'index' | 'partId' | 'x' | 'y'>;
}

/** How the limits of a test changed in a lot. */
export interface LimitChanges {
  /** At most {@link MOST_CHANGES}, the limits of the first part among them. */
  readonly from: readonly LimitsFrom[];
  /** How often a part had other limits than the one before it that was tested so. */
  readonly changes: number;
}

const MOST_CHANGES = 8;

/** Notes for each test from which part on which limits held. */
interface LimitWatch {
  add(part: Part): void;
  /** Undefined where all parts had the same limits, or none. */
  changes(test: TestDefinition): LimitChanges | undefined;
}

interface Watched {
  /** The limits of the last part that was tested. */
  limits: TestLimits;
  readonly from: LimitsFrom[];
  changes: number;
}

/**
 * A program changes the limits of few tests, or gives each part its own; the parts before have those of the
 * test, and cost nothing here.
 */
export function createLimitWatch(): LimitWatch {
  const watched: (Watched | undefined)[] = [];
  /** Tests whose last limits were others than their own. */
  let deviating = 0;
  let first: LimitsFrom['part'] | undefined;

  function note(part: Part, test: TestDefinition, limits: TestLimits): void {
    const place = placeOf(part);
    const known = watched[test.index] ?? {
      limits: test.limits,
      from: [{ limits: test.limits, part: first ?? place }],
      changes: 0,
    };
    watched[test.index] = known;
    if (sameLimits(known.limits, limits)) return;
    deviating += Number(!sameLimits(limits, test.limits)) - Number(!sameLimits(known.limits, test.limits));
    known.limits = limits;
    known.changes++;
    if (known.from.length < MOST_CHANGES) known.from.push({ limits, part: place });
  }

  return {
    add(part) {
      const { results } = part;
      if (results.length > 0) first ??= placeOf(part);
      if (deviating === 0 && !results.hasOwn) return;
      for (let i = 0; i < results.length; i++) {
        const test = results.test(i);
        const limits = results.limits(i);
        // What said nothing of limits does not say that there are none.
        if (limits === NO_LIMITS || (limits === test.limits && watched[test.index] === undefined)) continue;
        note(part, test, limits);
      }
    },
    changes({ index }) {
      const found = watched[index];
      if (found === undefined || found.changes === 0) return undefined;
      return { from: found.from, changes: found.changes };
    },
  };
}

function placeOf({ index, partId, x, y }: Part): LimitsFrom['part'] {
  return { index, partId, x, y };
}

function sameLimits(a: TestLimits, b: TestLimits): boolean {
  return a === b || (a.lo === b.lo && a.hi === b.hi);
}
