import { figuresOf, type GateDecision, type VersionFigures } from './figures.js';

/** By what dies are told apart. */
export const GROUPINGS = ['equipment_id', 'site', 'lot_id'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** Both versions on the dies of one group. */
export interface GroupComparison {
  readonly by: Grouping;
  readonly group: string;
  readonly dies: number;
  readonly failingDies: number;
  readonly baseline: VersionFigures;
  readonly candidate: VersionFigures;
  /** Probability of so many dies more being decided wrongly, if the versions were equally good: all dies, failing dies. */
  readonly chance: { readonly accuracy: number; readonly detection: number };
}

export interface Judged {
  readonly before: readonly GateDecision[];
  readonly after: readonly GateDecision[];
  /** [dies]: 1 for a die that is really good. */
  readonly passing: Uint8Array;
}

/**
 * Compares two versions group by group.
 * @param groups [dies]: the group of each die
 */
export function compareGroups(by: Grouping, groups: readonly string[], judged: Judged): GroupComparison[] {
  const diesOf = new Map<string, number[]>();
  groups.forEach((group, die) => {
    const dies = diesOf.get(group) ?? [];
    dies.push(die);
    diesOf.set(group, dies);
  });
  return [...diesOf]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, dies]) => compareGroup(by, group, dies, judged));
}

function compareGroup(
  by: Grouping,
  group: string,
  dies: readonly number[],
  { before, after, passing }: Judged,
): GroupComparison {
  const passingOf = Uint8Array.from(dies, (die) => passing[die] ?? 0);
  const failing = dies.filter((die) => passing[die] !== 1);
  const isRight = (decision: GateDecision, die: number) =>
    decision !== undefined && (decision === 'pass') === (passing[die] === 1);
  const chanceOf = (some: readonly number[]) => {
    const lost = some.filter((die) => isRight(before[die], die) && !isRight(after[die], die)).length;
    const won = some.filter((die) => !isRight(before[die], die) && isRight(after[die], die)).length;
    return signTest(lost, won);
  };
  return {
    by,
    group,
    dies: dies.length,
    failingDies: failing.length,
    baseline: figuresOf(
      dies.map((die) => before[die]),
      passingOf,
    ),
    candidate: figuresOf(
      dies.map((die) => after[die]),
      passingOf,
    ),
    chance: { accuracy: chanceOf(dies), detection: chanceOf(failing) },
  };
}

/** P(X >= lost) of a binomial X of lost + won trials at 1/2: the one-sided sign test (McNemar 1947, exact). */
export function signTest(lost: number, won: number): number {
  const trials = lost + won;
  // Terms from the middle of the distribution down, by their ratios; in logarithms, as 2^-trials underflows.
  let logTerm = -trials * Math.LN2;
  let tail = 0;
  for (let k = 0; k <= trials; k++) {
    if (k >= lost) tail += Math.exp(logTerm);
    logTerm += Math.log((trials - k) / (k + 1));
  }
  return Math.min(1, tail);
}
