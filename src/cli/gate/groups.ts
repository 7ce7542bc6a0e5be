import { type Changes, compareDecisions, type JudgedDies } from './changes.js';
import { figuresOf, type VersionFigures } from './figures.js';

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
  readonly changes: Pick<Changes, 'accuracyDrop' | 'detectionDrop'>;
}

/**
 * Compares two versions group by group.
 * @param groups [dies]: the group of each die
 */
export function compareGroups(
  by: Grouping,
  groups: readonly string[],
  judged: JudgedDies,
): GroupComparison[] {
  const diesOf = new Map<string, number[]>();
  groups.forEach((group, die) => {
    const dies = diesOf.get(group) ?? [];
    dies.push(die);
    diesOf.set(group, dies);
  });
  return [...diesOf]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, dies]) => compareGroup(by, group, take(judged, dies)));
}

function take({ before, after, passing, wafers }: JudgedDies, dies: readonly number[]): JudgedDies {
  return {
    before: dies.map((die) => before[die]),
    after: dies.map((die) => after[die]),
    passing: Uint8Array.from(dies, (die) => passing[die] ?? 0),
    wafers: wafers && dies.map((die) => wafers[die] ?? ''),
  };
}

function compareGroup(by: Grouping, group: string, judged: JudgedDies): GroupComparison {
  const { before, after, passing } = judged;
  const { accuracyDrop, detectionDrop } = compareDecisions(judged);
  return {
    by,
    group,
    dies: passing.length,
    failingDies: passing.length - passing.reduce((sum, good) => sum + good, 0),
    baseline: figuresOf(before, passing),
    candidate: figuresOf(after, passing),
    changes: { accuracyDrop, detectionDrop },
  };
}
