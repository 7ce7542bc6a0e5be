import { Comparison, type Difference, type ParameterDrift } from './compare.js';
import type { DriftCounts } from './counts.js';
import { PSI_CHANGED, PSI_DRIFTED } from './psi.js';
import type { ReferenceBins } from './reference-bins.js';
import { wander } from './wander.js';
import type { DriftWindow, WindowDies } from './window.js';

/** One group of equipment in the window. */
export interface GroupAssessment {
  readonly group: number;
  readonly counts: DriftCounts;
  /** Whether it can be judged: its dies and its steps are enough. */
  readonly enough: boolean;
  /** Stability index of each parameter against the reference; 0 where the dies are too few. */
  readonly psi: Float64Array;
  /** The part of it that the wander of wafers does not explain (see `wander`). */
  readonly excess: Float64Array;
  /**
   * What of it is this group's own: the lesser of the excess against the reference and the lower median of
   * those against each other group. 0 where no other group can be judged.
   */
  readonly own: Float64Array;
}

/** What a window says of a version. */
export interface Assessment {
  readonly all: DriftCounts;
  /** Whether the dies and steps are enough to judge the product. */
  readonly enough: boolean;
  readonly parameters: readonly ParameterDrift[];
  readonly score: Difference;
  readonly groups: readonly GroupAssessment[];
  /**
   * What of each parameter's drift is the product's, whatever the equipment: the lower median of the groups'
   * excess; where fewer than two groups can be judged, the excess of all dies.
   */
  readonly product: Float64Array;
}

/**
 * Judges a window: all dies, each group of equipment against the reference, and each against the others, so
 * that one tester that drifts is told from a product that does.
 * @param minimumDies counted dies below which neither all dies nor a group are judged
 */
export function assess(reference: ReferenceBins, window: DriftWindow, minimumDies: number): Assessment {
  const slices = assessInSlices(reference, window, minimumDies);
  for (;;) {
    const slice = slices.next();
    if (slice.done) return slice.value;
  }
}

/**
 * The same a slice at a time, of a few milliseconds each with hundreds of parameters: whoever takes them may do other
 * things in between, but for adding to the window.
 */
export function* assessInSlices(
  reference: ReferenceBins,
  window: DriftWindow,
  minimumDies: number,
): Generator<void, Assessment> {
  const comparison = new Comparison(reference);
  const all = window.all();
  yield;
  const parameters = Array.from(reference.means, (_, p) => comparison.parameter(all.total, p));
  const groups: JudgedGroup[] = [];
  for (const group of window.groups()) {
    yield;
    groups.push(assessGroup(comparison, group, window.of(group), minimumDies));
  }
  for (const group of groups) {
    yield;
    findOwn(comparison, group, groups);
  }
  const allowances = wander(all);
  const enough = all.total.sampled >= minimumDies && allowances.every(Number.isFinite);
  return {
    all: all.total,
    enough,
    parameters,
    score: comparison.score(all.total),
    groups,
    product:
      productOf(groups, parameters.length) ??
      Float64Array.from(parameters, ({ psi }, p) => (enough ? beyond(psi.psi, allowances[p]) : 0)),
  };
}

/** A group with what its own share is judged by. */
interface JudgedGroup extends GroupAssessment {
  /** See `wander`. */
  readonly allowances: Float64Array;
}

/** A group against the reference; what is its own is found when all groups are known. */
function assessGroup(
  comparison: Comparison,
  group: number,
  dies: WindowDies,
  minimumDies: number,
): JudgedGroup {
  const counts = dies.total;
  const psi = new Float64Array(counts.parameters);
  const excess = new Float64Array(counts.parameters);
  const allowances = wander(dies);
  const enoughDies = counts.sampled >= minimumDies;
  for (let p = 0; enoughDies && p < psi.length; p++) {
    psi[p] = comparison.psi(counts, p).psi;
    excess[p] = beyond(psi[p], allowances[p]);
  }
  const enough = enoughDies && allowances.every(Number.isFinite);
  return { group, counts, enough, psi, excess, own: new Float64Array(counts.parameters), allowances };
}

/**
 * A group is compared with each of the others and the lower median counts: one tester that drifts would
 * make all others look different if they were compared with the sum.
 */
function findOwn(comparison: Comparison, group: JudgedGroup, groups: readonly JudgedGroup[]): void {
  const others = groups.filter((other) => other !== group && other.enough);
  if (!group.enough || others.length === 0) return;
  group.excess.forEach((excess, p) => {
    if (excess === 0) return;
    const differences = others.map(({ counts, allowances }) =>
      beyond(
        comparison.psiBetween(group.counts, counts, p).psi,
        (group.allowances[p] ?? 0) + (allowances[p] ?? 0),
      ),
    );
    group.own[p] = Math.min(excess, lowerMedian(differences));
  });
}

function lowerMedian(values: readonly number[]): number {
  const ascending = Float64Array.from(values).sort();
  return ascending[Math.floor((ascending.length - 1) / 2)] ?? 0;
}

function beyond(psi: number | undefined, allowance: number | undefined): number {
  return Math.max(0, (psi ?? 0) - (allowance ?? 0));
}

function productOf(groups: readonly GroupAssessment[], parameters: number): Float64Array | undefined {
  const judged = groups.filter(({ enough }) => enough);
  if (judged.length < 2) return undefined;
  return Float64Array.from({ length: parameters }, (_, p) =>
    lowerMedian(judged.map(({ excess }) => excess[p] ?? 0)),
  );
}

/** A parameter's number and its index, for the worst of a list. */
export interface Ranked {
  readonly parameter: number;
  readonly psi: number;
}

/** The `count` largest indexes above 0, largest first. */
export function worst(indexes: Float64Array, count: number): Ranked[] {
  return Array.from(indexes, (psi, parameter) => ({ parameter, psi }))
    .filter(({ psi }) => psi > 0)
    .sort((a, b) => b.psi - a.psi || a.parameter - b.parameter)
    .slice(0, count);
}

/** Numbers of parameters over the two limits. */
export interface Over {
  readonly changed: number;
  readonly drifted: number;
}

/** How many indexes are over 0.1 and over 0.25. */
export function countOver(indexes: Float64Array): Over {
  let [changed, drifted] = [0, 0];
  for (const psi of indexes) {
    if (psi > PSI_CHANGED) changed++;
    if (psi > PSI_DRIFTED) drifted++;
  }
  return { changed, drifted };
}

/** The largest index; 0 for none. */
export function largest(indexes: Float64Array): number {
  return indexes.reduce((most, psi) => Math.max(most, psi), 0);
}
