import { combineShares, intervalOfShares } from '../../statistics/combined-shares.js';
import type { Interval } from '../../statistics/proportions.js';
import { createRandom, type Random } from '../random.js';
import { LIMIT_MARGIN, rankOf } from '../screen/control-limit.js';

/** A good die that was not fitted to. */
export interface UnfittedDie {
  readonly score: number;
  readonly lot: string | undefined;
  readonly wafer: string | undefined;
}

/** How much the false-alarm rate of a limit differs from one set of lots to another. */
export interface FalseAlarmSpread {
  /** What was resampled whole. */
  readonly by: 'lot' | 'wafer' | 'die';
  /** How many of them there are; of these `drawn` set a limit. */
  readonly groups: number;
  readonly drawn: number;
  /** Mean over the draws of the false-alarm rate on the groups that did not set the limit. */
  readonly mean: number;
  /** Nine of ten draws lie between these two. */
  readonly low: number;
  readonly high: number;
  /**
   * Of the rate over many further groups, at 95%: each group's own mean over the draws that left it out, by Student's t
   * with the groups that show any alarm. Draws of four lots are never worse than the worst of the four; this may be.
   */
  readonly further: Interval | undefined;
}

export const DRAWS = 1000;
const SIGNIFICANCE = 0.05;

/** With fewer there is hardly a draw that leaves other ones over. */
const LEAST_GROUPS = 3;

/**
 * The bootstrap (Efron 1979) by whole lots: so many of them are drawn with replacement as set the limit, the limit is
 * set by their dies as that of the screen is, and held against the lots that were not drawn (out of bag). Seeded by
 * nothing but its input: the same dies give the same figures. By wafers where there are fewer than three lots, by dies
 * where there are fewer than three of both.
 *
 * @param share of the groups that sets a limit, above 0 and below 1
 * @param rate of good dies that may fail
 * @returns undefined of fewer than three dies
 */
export function falseAlarmSpread(
  dies: readonly UnfittedDie[],
  share: number,
  rate: number,
): FalseAlarmSpread | undefined {
  const { by, groups } = grouped(dies);
  if (groups.length < LEAST_GROUPS) return undefined;
  const drawn = Math.min(groups.length - 1, Math.max(1, Math.round(share * groups.length)));
  const random = createRandom('false alarms by lot');
  const rates: number[] = [];
  const left = groups.map(() => ({ draws: 0, alarms: 0 }));
  while (rates.length < DRAWS) {
    const found = rateOfADraw(groups, drawn, rate, random, left);
    if (found !== undefined) rates.push(found);
  }
  rates.sort((a, b) => a - b);
  const at = (quantile: number) => rates[Math.min(DRAWS - 1, Math.floor(quantile * DRAWS))] ?? 0;
  const mean = rates.reduce((sum, one) => sum + one, 0) / DRAWS;
  const further = intervalOfShares(
    combineShares({
      dies: groups.map(({ length }) => length),
      kinds: [{ weight: 1, counts: left.map(({ draws, alarms }) => (draws === 0 ? 0 : alarms / draws)) }],
      alike: by !== 'die',
    }),
    SIGNIFICANCE,
  );
  return { by, groups: groups.length, drawn, mean, low: at(0.05), high: at(0.95), further };
}

/** Scores of each group, descending. */
function grouped(dies: readonly UnfittedDie[]): { by: FalseAlarmSpread['by']; groups: Float64Array[] } {
  const by = (key: (die: UnfittedDie, i: number) => string) => {
    const found = new Map<string, number[]>();
    dies.forEach((die, i) => {
      const name = key(die, i);
      const scores = found.get(name) ?? [];
      scores.push(die.score);
      found.set(name, scores);
    });
    return [...found.values()].map((scores) => Float64Array.from(scores).sort((a, b) => b - a));
  };
  const lots = by(({ lot }) => lot ?? '');
  if (lots.length >= LEAST_GROUPS) return { by: 'lot', groups: lots };
  const wafers = by(({ wafer }) => wafer ?? '');
  if (wafers.length >= LEAST_GROUPS) return { by: 'wafer', groups: wafers };
  return { by: 'die', groups: by((_, i) => String(i)) };
}

/**
 * Undefined where the draw leaves nothing over.
 * @param left [groups]: told of every draw that leaves a group out
 */
function rateOfADraw(
  groups: readonly Float64Array[],
  drawn: number,
  rate: number,
  random: Random,
  left: readonly { draws: number; alarms: number }[],
): number | undefined {
  const times = new Uint32Array(groups.length);
  for (let i = 0; i < drawn; i++) times[random.below(groups.length)]++;
  const limit = limitOf(groups, times, rate);
  let [dies, alarms] = [0, 0];
  groups.forEach((scores, i) => {
    if (times[i] !== 0) return;
    dies += scores.length;
    const found = countAbove(scores, limit);
    alarms += found;
    const own = left[i];
    if (own === undefined) return;
    own.draws++;
    own.alarms += found;
  });
  return dies === 0 ? undefined : alarms / dies;
}

/** The limit that the screen would be given by these dies: only the highest of each group can be it. */
function limitOf(groups: readonly Float64Array[], times: Uint32Array, rate: number): number {
  const dies = groups.reduce((sum, scores, i) => sum + scores.length * (times[i] ?? 0), 0);
  const fromTop = dies - rankOf(dies, rate);
  const highest: number[] = [];
  groups.forEach((scores, i) => {
    for (let n = 0; n < (times[i] ?? 0); n++) highest.push(...scores.subarray(0, fromTop + 1));
  });
  highest.sort((a, b) => b - a);
  return (highest[fromTop] ?? Number.POSITIVE_INFINITY) * (1 + LIMIT_MARGIN);
}

/** @param scores descending */
function countAbove(scores: Float64Array, limit: number): number {
  let [low, high] = [0, scores.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((scores[middle] ?? 0) > limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
