import type { DriftComparison, ParameterDrift, ReachedDies, ScoreDrift } from './compare.js';
import type { DriftCounts } from './counts.js';
import { type FailRateVerdict, judgeFailRates, OPEN_FAIL_RATE } from './equipment-fail-rates.js';
import { KnownReference } from './known-reference.js';
import { PSI_CHANGED, PSI_DRIFTED } from './psi.js';
import type { ReferenceBins } from './reference-bins.js';
import { type MeanPlaces, SQUARED_ERRORS, wander, wanderOfShares } from './wander.js';
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
  /** Its fail rate against that of the others. */
  readonly failRate: FailRateVerdict;
}

/** How wafers differ is not in a reference of one. */
export type OpenReason = 'reference_of_one_wafer';

/** What a window says of a version. */
export interface Assessment {
  readonly all: DriftCounts;
  /** Whether the dies and steps are enough to judge the product, and the reference can tell. */
  readonly enough: boolean;
  /** Why the product stays open although there are dies and steps enough. */
  readonly open: OpenReason | undefined;
  /** Stability index of each parameter over all dies, against the reference. */
  readonly psi: Float64Array;
  /** All that can be said of each parameter, and of the score: made when it is asked for, which a verdict does not. */
  readonly parameters: () => readonly ParameterDrift[];
  readonly score: () => ScoreDrift;
  readonly groups: readonly GroupAssessment[];
  /**
   * What of each parameter's drift is the product's, whatever the equipment: the lower median of the groups'
   * excess, or, where the reference knows its wafers, the excess of all dies as far as the lower median of the groups' indexes shows it; where fewer than
   * two groups can be judged, the excess of all dies. Less what the reference's own wafers
   * may make of it. 0 where the product is not judged.
   */
  readonly product: Float64Array;
}

/**
 * Judges a window: all dies, each group of equipment against the reference, and each against the others, so
 * that one tester that drifts is told from a product that does.
 * @param minimumDies counted dies below which neither all dies nor a group are judged
 */
export function assess(reference: ReferenceBins, window: DriftWindow, minimumDies: number): Assessment {
  const slices = assessInSlices(new KnownReference(reference), window, minimumDies);
  for (;;) {
    const slice = slices.next();
    if (slice.done) return slice.value;
  }
}

/**
 * The same a slice at a time, of a few milliseconds each with hundreds of parameters: whoever takes them may do other
 * things in between, but for adding to the window.
 * @param known also of steps that were judged before
 */
export function* assessInSlices(
  known: KnownReference,
  window: DriftWindow,
  minimumDies: number,
): Generator<void, Assessment> {
  const { bins: reference, comparison, indexes, places } = known;
  const all = window.all();
  yield;
  const whole = comparison.reached(all.total);
  const psi = indexes.of(whole);
  const { steady, excess, allowances } = excessOf(all, places, psi);
  const enoughDies = all.total.sampled >= minimumDies && steady;
  const present = window.groups();
  const groups: JudgedGroup[] = [];
  for (const group of present) {
    yield;
    // Dies that are all of one group are judged once.
    if (present.length === 1 && all.total.sampled >= minimumDies) {
      const own = new Float64Array(psi.length);
      groups.push({
        group,
        counts: all.total,
        enough: enoughDies,
        psi,
        excess,
        own,
        allowances,
        dies: whole,
      });
    } else groups.push(assessGroup(known, group, window.of(group), minimumDies));
  }
  for (const group of groups) {
    yield;
    findOwn(comparison, group, groups);
  }
  yield;
  const failRates = judgeFailRates(
    groups.map(({ counts }) => counts),
    minimumDies,
  );
  const openBecause = reference.wafers === 1 ? ('reference_of_one_wafer' as const) : undefined;
  const enough = enoughDies && openBecause === undefined;
  const product = productOf(groups, excess, reference.wafers !== undefined);
  return {
    all: all.total,
    enough,
    open: enoughDies ? openBecause : undefined,
    psi,
    parameters: () => Array.from(reference.means, (_, p) => comparison.parameter(whole, p)),
    score: () => comparison.score(all.total),
    groups: groups.map((group, i) => ({ ...group, failRate: failRates[i] ?? OPEN_FAIL_RATE })),
    product: product.map((index, p) =>
      enough ? beyond(index, SQUARED_ERRORS * (reference.waferSpreads[p] ?? 0)) : 0,
    ),
  };
}

/** A group with what its own share is judged by. */
interface JudgedGroup extends Omit<GroupAssessment, 'failRate'> {
  /** See `wander`. */
  readonly allowances: Float64Array;
  readonly dies: ReachedDies;
}

/** A group against the reference; what is its own is found when all groups are known. */
function assessGroup(
  { comparison, indexes, places }: KnownReference,
  group: number,
  window: WindowDies,
  minimumDies: number,
): JudgedGroup {
  const counts = window.total;
  const dies = comparison.reached(counts);
  const enoughDies = counts.sampled >= minimumDies;
  const psi = enoughDies ? indexes.of(dies) : new Float64Array(counts.parameters);
  const { allowances, steady, excess } = excessOf(window, places, psi);
  const enough = enoughDies && steady;
  return { group, counts, enough, psi, excess, own: new Float64Array(counts.parameters), allowances, dies };
}

/** What of each index the wander of wafers does not explain, what it does, and whether there are steps enough to tell. */
function excessOf(window: WindowDies, places: MeanPlaces, psi: Float64Array) {
  const allowances = wander(window, places);
  const steady = allowances.every(Number.isFinite);
  const excess = new Float64Array(allowances.length);
  const reachedAt = reachedCounter(window);
  for (let p = 0; p < excess.length; p++) {
    excess[p] = beyond(psi[p], allowances[p]);
    // Below it nothing begins, and what has begun may end: the closer look would change neither.
    if ((excess[p] ?? 0) < PSI_CHANGED) continue;
    allowances[p] = Math.max(allowances[p] ?? 0, wanderOfShares(window, reachedAt(p), p));
    excess[p] = beyond(psi[p], allowances[p]);
  }
  return { allowances, steady, excess };
}

/** The dies of each step that reached a parameter; to be asked in the order of the parameters. */
function reachedCounter({ total, steps }: WindowDies): (p: number) => (counts: DriftCounts) => number {
  const stopped = new Map([total, ...steps].map((counts) => [counts, 0]));
  let from = 0;
  return (p) => {
    for (; from <= p; from++)
      for (const [counts, before] of stopped) stopped.set(counts, before + (counts.stops[from] ?? 0));
    return (counts) => counts.sampled - (stopped.get(counts) ?? 0);
  };
}

/**
 * A group is compared with each of the others and the lower median counts: one tester that drifts would
 * make all others look different if they were compared with the sum.
 */
function findOwn(comparison: DriftComparison, group: JudgedGroup, groups: readonly JudgedGroup[]): void {
  const others = groups.filter((other) => other !== group && other.enough);
  if (!group.enough || others.length === 0) return;
  group.excess.forEach((excess, p) => {
    if (excess === 0) return;
    const differences = others.map(({ dies, allowances }) =>
      beyond(
        comparison.psiBetween(group.dies, dies, p).psi,
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

/**
 * What moves on the equipment in the middle, beyond what its own wafers explain; or on all together, whose wafers are
 * more and tell better, as far as the index of the equipment in the middle shows it too: one that is far off is not all.
 * @param ofAll the excess of all dies
 * @param wafersKnown whether the reference says how its own wafers differ, without which all dies together may only tell
 * from which wafers it was taken
 */
function productOf(groups: readonly JudgedGroup[], ofAll: Float64Array, wafersKnown: boolean): Float64Array {
  const judged = groups.filter(({ enough }) => enough);
  if (judged.length < 2) return ofAll;
  const [excesses, indexes] = [judged.map(({ excess }) => excess), judged.map(({ psi }) => psi)];
  return ofAll.map((whole, p) => {
    const own = lowerMedianAt(excesses, p);
    return !wafersKnown || whole <= own ? own : Math.max(own, Math.min(whole, lowerMedianAt(indexes, p)));
  });
}

/** The lower median of what each has of a parameter. */
function lowerMedianAt(each: readonly Float64Array[], p: number): number {
  let zeros = 0;
  for (const values of each) if (values[p] === 0) zeros++;
  // As nearly all are where nothing drifts.
  if (zeros > Math.floor((each.length - 1) / 2)) return 0;
  return lowerMedian(each.map((values) => values[p] ?? 0));
}

/** A parameter's number and its index, for the worst of a list. */
interface Ranked {
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
interface Over {
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
