import { effectOf, LEAST_CLUSTERS, type Spread, wideningOf } from '../statistics/design-effect.js';
import { differenceOf, type Interval, ratioOf, wilson, zOf } from '../statistics/proportions.js';
import { LATENCY_GROUPS, type LatencyGroups } from './latency-groups.js';
import type { PairAccount } from './pair-account.js';
import type { ExperimentRules } from './rules.js';
import type { VersionAccount } from './version-account.js';

export const BOUND_NAMES = [
  'error_rate',
  'fail_rate_difference',
  'fail_rate_ratio',
  'latency_ratio',
  'disagreement_rate',
  'accuracy_drop',
] as const;

export type BoundName = (typeof BOUND_NAMES)[number];

/**
 * - `kept`: the whole interval lies within the bound
 * - `broken`: the whole interval lies outside
 * - `open`: neither, or too few dies or wafers to say
 */
type Verdict = 'kept' | 'open' | 'broken';

/** One bound and what the dies say of it. */
export interface Finding {
  readonly bound: BoundName;
  /** Estimate and interval; undefined while there is nothing to estimate from. `high` may be infinite. */
  readonly interval: Interval | undefined;
  /** The bound; a fail rate must keep it in both directions. */
  readonly limit: number;
  /** How many dies the estimate rests on: those of the version that has fewer. */
  readonly dies: number;
  /** How many wafers (or whatever the sticky key names); undefined where they say nothing: of latencies. */
  readonly wafers: number | undefined;
  /** Whether that is enough of both. */
  readonly enough: boolean;
  /** Whether the bound is broken by the baseline alike, so that it says nothing against the candidate. */
  readonly alike: boolean;
  readonly verdict: Verdict;
}

/** Two versions over the same time. */
export interface Observation {
  readonly baseline: VersionAccount;
  readonly candidate: VersionAccount;
}

/** How sure a finding must be. */
export interface Evidence {
  /** Fewest dies that a bound is judged by. */
  readonly minDies: number;
  /** Fewest wafers of each version; with fewer than two nothing is known of how much wafers differ. */
  readonly minWafers?: number;
  /** Fewest outcomes of each version by which the accuracy is judged; those of the bounds if not given. */
  readonly minOutcomes?: number;
  /** Of the intervals, two-sided. */
  readonly significance: number;
}

/** The bounds of every comparison; that of disagreement needs a shadow. */
type Bounds = Omit<ExperimentRules, 'maxDisagreementRate'>;

/**
 * Judges a candidate beside the baseline.
 *
 * The bounds of the fail rate hold in both directions: a version that fails fewer dies may let bad ones
 * escape. The intervals allow for dies of one wafer (or whatever the split goes by) being alike, and for
 * latencies of one moment being so. Errors that both versions have alike are no harm that the candidate did. The accuracy
 * has a say once enough outcomes of both are known, and none before: where nobody posts any, nobody waits for them.
 *
 * @param alone whether no die goes to the baseline any more: then only error rate and accuracy can be judged
 */
export function judge(
  observation: Observation,
  bounds: Bounds,
  evidence: Evidence,
  alone = false,
): Finding[] {
  const errors = judgeErrors(observation, bounds.maxErrorRate, evidence, alone);
  const accuracy = judgeAccuracy(observation, bounds, evidence);
  return alone
    ? [errors, ...accuracy]
    : [
        errors,
        ...judgeFails(observation, bounds, evidence),
        judgeLatency(observation, bounds.maxLatencyRatio, evidence),
        ...accuracy,
      ];
}

/** Judges how often a shadow disagrees with its primary. */
export function judgeDisagreement(pair: PairAccount, limit: number, evidence: Evidence): Finding {
  const spread = pair.disagreementSpread();
  return findingOf('disagreement_rate', limit, evidence, {
    interval: shareOf(pair.disagreements, pair.compared, [spread], evidence.significance),
    dies: pair.compared,
    wafers: spread.clusters,
    most: limit,
  });
}

function judgeErrors(
  { baseline, candidate }: Observation,
  limit: number,
  evidence: Evidence,
  alone: boolean,
): Finding {
  const { significance } = evidence;
  const spread = candidate.errorSpread();
  const interval = shareOf(candidate.errors, candidate.attempts, [spread], significance);
  const finding = findingOf('error_rate', limit, evidence, {
    interval,
    dies: candidate.attempts,
    wafers: spread.clusters,
    most: limit,
  });
  if (alone || finding.verdict !== 'broken') return finding;
  const before = shareOf(baseline.errors, baseline.attempts, [baseline.errorSpread()], significance);
  const alike = before !== undefined && interval !== undefined && differenceOf(before, interval).low <= 0;
  return alike ? { ...finding, alike, verdict: 'open' } : finding;
}

function judgeFails(
  { baseline, candidate }: Observation,
  { maxFailRateDifference, maxFailRateRatio }: Bounds,
  evidence: Evidence,
): Finding[] {
  const rates = failRates({ baseline, candidate }, evidence.significance);
  const seen = {
    dies: Math.min(baseline.dies, candidate.dies),
    wafers: Math.min(baseline.failSpread().clusters, candidate.failSpread().clusters),
  };
  const difference = findingOf('fail_rate_difference', maxFailRateDifference, evidence, {
    ...seen,
    interval: rates && differenceOf(rates.baseline, rates.candidate),
    least: -maxFailRateDifference,
    most: maxFailRateDifference,
  });
  if (maxFailRateRatio === null) return [difference];
  return [
    difference,
    findingOf('fail_rate_ratio', maxFailRateRatio, evidence, {
      ...seen,
      interval: rates && ratioOf(rates.baseline, rates.candidate),
      least: 1 / maxFailRateRatio,
      most: maxFailRateRatio,
    }),
  ];
}

function judgeLatency({ baseline, candidate }: Observation, limit: number, evidence: Evidence): Finding {
  return findingOf('latency_ratio', limit, evidence, {
    interval: latencyRatio(baseline.latencies, candidate.latencies, evidence.significance),
    dies: Math.min(baseline.dies, candidate.dies),
    wafers: undefined,
    most: limit,
  });
}

/**
 * An outcome does not say which wafer its die is of, so that the dies are taken to be as much alike as the fails of both versions show
 * them to be.
 */
function judgeAccuracy(
  { baseline, candidate }: Observation,
  { maxAccuracyDrop, minOutcomes }: Bounds,
  evidence: Evidence,
): Finding[] {
  const dies = Math.min(baseline.outcomes.dies, candidate.outcomes.dies);
  const minDies = evidence.minOutcomes ?? minOutcomes;
  if (dies < minDies) return [];
  const spreads = [baseline.failSpread(), candidate.failSpread()].filter(
    ({ clusters }) => clusters >= LEAST_CLUSTERS,
  );
  const accuracyOf = ({ outcomes }: VersionAccount) =>
    spreads.length === 0
      ? undefined
      : shareOf(outcomes.correct, outcomes.dies, spreads, evidence.significance);
  const [before, after] = [accuracyOf(baseline), accuracyOf(candidate)];
  const interval = before && after && differenceOf(after, before);
  const estimate = { interval, dies, wafers: undefined, most: maxAccuracyDrop };
  return [findingOf('accuracy_drop', maxAccuracyDrop, { ...evidence, minDies }, estimate)];
}

interface Estimate extends Pick<Finding, 'interval' | 'dies' | 'wafers'> {
  /** What keeps the bound. */
  readonly least?: number;
  readonly most: number;
}

function findingOf(
  bound: BoundName,
  limit: number,
  { minDies, minWafers = LEAST_CLUSTERS }: Evidence,
  { interval, dies, wafers, least = Number.NEGATIVE_INFINITY, most }: Estimate,
): Finding {
  const enough = dies >= minDies && (wafers === undefined || wafers >= minWafers);
  const verdict = enough ? verdictOf(interval, least, most) : 'open';
  return { bound, interval, limit, dies, wafers, enough, alike: false, verdict };
}

function verdictOf(interval: Interval | undefined, least: number, most: number): Verdict {
  if (interval === undefined) return 'open';
  if (interval.low > most || interval.high < least) return 'broken';
  return interval.low >= least && interval.high <= most ? 'kept' : 'open';
}

/** Whether the estimate itself, leaving its interval aside, is within the bound. */
export function estimateWithin({ bound, interval, limit }: Finding): boolean {
  if (interval === undefined) return false;
  const { value } = interval;
  switch (bound) {
    case 'fail_rate_difference':
      return Math.abs(value) <= limit;
    case 'fail_rate_ratio':
      return value >= 1 / limit && value <= limit;
    default:
      return value <= limit;
  }
}

/** The fail rates of two versions with their intervals; undefined while either has fewer than two wafers. */
export function failRates(
  { baseline, candidate }: Observation,
  significance: number,
): { readonly baseline: Interval; readonly candidate: Interval } | undefined {
  const spreads = [baseline.failSpread(), candidate.failSpread()];
  const from = shareOf(baseline.fails, baseline.dies, spreads, significance);
  const to = shareOf(candidate.fails, candidate.dies, spreads, significance);
  return from === undefined || to === undefined ? undefined : { baseline: from, candidate: to };
}

/** Wilson's interval of a share, of as many dies as the spread between wafers leaves. */
export function shareOf(
  count: number,
  total: number,
  spreads: readonly Spread[],
  significance: number,
): Interval | undefined {
  const effect = effectOf(spreads, significance);
  const interval =
    effect === undefined ? undefined : wilson(count / effect, total / effect, zOf(significance));
  // Its estimate is the share itself, which dividing by the effect may miss by a rounding.
  return interval && { ...interval, value: count / total };
}

// Microseconds are what a clock tells apart; it also keeps the logarithm finite.
const LEAST_LATENCY_MS = 1e-3;

/**
 * Candidate's p99 latency over the baseline's: the geometric mean over the groups of blocks of time, and its
 * interval from how much the groups differ (Student's t). A stall that hits both versions is in the same group
 * of both and takes no part; one that hits one of them is in few groups. While fewer than two groups have
 * latencies of both, there are no limits.
 */
function latencyRatio(
  baseline: LatencyGroups,
  candidate: LatencyGroups,
  significance: number,
): Interval | undefined {
  const ratios = Array.from({ length: LATENCY_GROUPS }, (_, group) =>
    logRatio(baseline.group(group)?.quantile(0.99), candidate.group(group)?.quantile(0.99)),
  ).filter((ratio) => ratio !== undefined);
  const freedom = ratios.length - 1;
  if (freedom < 0) return undefined;
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
  if (freedom === 0) return { value: Math.exp(mean), low: 0, high: Number.POSITIVE_INFINITY };
  const variance = ratios.reduce((sum, ratio) => sum + (ratio - mean) ** 2, 0) / freedom;
  const reach = zOf(significance) * wideningOf(significance, freedom) * Math.sqrt(variance / ratios.length);
  return { value: Math.exp(mean), low: Math.exp(mean - reach), high: Math.exp(mean + reach) };
}

function logRatio(from: number | undefined, to: number | undefined): number | undefined {
  if (from === undefined || to === undefined) return undefined;
  return Math.log(Math.max(LEAST_LATENCY_MS, to) / Math.max(LEAST_LATENCY_MS, from));
}
