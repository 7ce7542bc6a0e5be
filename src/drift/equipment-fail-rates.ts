import { effectOf, LEAST_CLUSTERS, type Spread, wideningOf } from '../statistics/design-effect.js';
import { differenceOf, type Interval, wilson, zOf } from '../statistics/proportions.js';
import { spreadOf } from '../traffic/clusters.js';
import type { DriftCounts } from './counts.js';

/** Shares of failing dies, 0 to 1. */
export interface EquipmentFailRates {
  /** Of the equipment that fails most. */
  readonly worst: number;
  /** Of all other equipment together. */
  readonly others: number;
}

/**
 * The equipment that fails the largest share of its dies, and the rest.
 * @param equipment what was counted of each
 * @param minimumDies scored dies that the one needs, and the others together
 * @returns undefined where fewer than two can be told apart so
 */
export function worstEquipment(
  equipment: readonly Pick<DriftCounts, 'fails' | 'sampled' | 'unscorable'>[],
  minimumDies: number,
): EquipmentFailRates | undefined {
  const each = equipment.map(({ fails, sampled, unscorable }) => ({ fails, scored: sampled - unscorable }));
  const judged = each.filter(({ scored }) => scored > 0 && scored >= minimumDies);
  const rateOf = ({ fails, scored }: { fails: number; scored: number }) => fails / scored;
  const worst = judged.reduce<(typeof each)[number] | undefined>(
    (most, one) => (most === undefined || rateOf(one) > rateOf(most) ? one : most),
    undefined,
  );
  if (worst === undefined) return undefined;
  const rest = { fails: 0, scored: 0 };
  for (const one of each) {
    if (one === worst) continue;
    rest.fails += one.fails;
    rest.scored += one.scored;
  }
  if (rest.scored < Math.max(1, minimumDies)) return undefined;
  return { worst: rateOf(worst), others: rateOf(rest) };
}

/** What the fail rate of an equipment says against that of the others. */
export interface FailRateVerdict {
  /** open: it has too few dies, or of it or the others there is but one wafer. */
  readonly verdict: 'open' | 'like others' | 'fails more' | 'fails fewer';
  /** Its fail rate less that of the other in the middle, with the limits that the verdict goes by; undefined where open. */
  readonly difference: Interval | undefined;
}

/**
 * Two-sided: a few dozen comparisons every few minutes, on the same wafers for an hour, for years. As the drift of
 * parameters is asked for 4.5 standard errors.
 */
const SIGNIFICANCE = 1e-5;

/** Nothing can be said. */
export const OPEN_FAIL_RATE: FailRateVerdict = { verdict: 'open', difference: undefined };

/** Whether a verdict names a difference. */
export function failRateDiffers({ verdict }: FailRateVerdict): boolean {
  return verdict === 'fails more' || verdict === 'fails fewer';
}

/**
 * Holds each equipment against each of the others, by wafers: as many dies as the spread of the fail rate between
 * wafers leaves, Student's t with the wafers of both less one each. The lower median of the differences
 * counts, so that one equipment that fails more does not make the others fail fewer; of two nobody knows
 * which is right, and the one that fails more is named.
 * @param minimumDies scored dies that an equipment needs
 */
export function judgeFailRates(
  equipment: readonly Pick<DriftCounts, 'waferDies' | 'waferFails'>[],
  minimumDies: number,
): FailRateVerdict[] {
  const rates = equipment.map(({ waferDies, waferFails }) => ({
    fails: waferFails.reduce((sum, fails) => sum + fails, 0),
    dies: waferDies.reduce((sum, dies) => sum + dies, 0),
    spread: spreadOf(waferFails, waferDies, 0),
  }));
  const known = rates.filter(({ dies, spread }) => dies >= minimumDies && spread.clusters >= LEAST_CLUSTERS);
  const compare = comparer();
  return rates.map((each) => {
    const others = known.filter((other) => other !== each);
    if (!known.includes(each) || others.length === 0) return OPEN_FAIL_RATE;
    const differences = others.map((other) => compare(other, each));
    const middle = differences.toSorted((a, b) => a.value - b.value)[(differences.length - 1) >> 1];
    const lows = Float64Array.from(differences, ({ low }) => low).sort();
    const highs = Float64Array.from(differences, ({ high }) => high).sort();
    const more = (lows[(lows.length - 1) >> 1] ?? 0) > 0;
    const fewer = others.length > 1 && (highs[highs.length >> 1] ?? 0) < 0;
    return { verdict: more ? 'fails more' : fewer ? 'fails fewer' : 'like others', difference: middle };
  });
}

interface FailRate {
  readonly fails: number;
  readonly dies: number;
  readonly spread: Spread;
}

/** Intervals of differences; each widening is computed once, as most pairs have as many wafers. */
function comparer(): (from: FailRate, to: FailRate) => Interval {
  const z = zOf(SIGNIFICANCE);
  const widenings = new Map<number, number>();
  const widen = (significance: number, freedom: number) => {
    const widening = widenings.get(freedom) ?? wideningOf(significance, freedom);
    widenings.set(freedom, widening);
    return widening;
  };
  const intervalOf = ({ fails, dies }: FailRate, effect: number): Interval =>
    wilson(fails / effect, dies / effect, z) ?? { value: 0, low: 0, high: 1 };
  return (from, to) => {
    // Both have wafers enough.
    const effect = effectOf([from.spread, to.spread], SIGNIFICANCE, widen) ?? Number.POSITIVE_INFINITY;
    return differenceOf(intervalOf(from, effect), intervalOf(to, effect));
  };
}
