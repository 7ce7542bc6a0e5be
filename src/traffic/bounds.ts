import { jointEffect } from './clusters.js';
import type { PairAccount } from './pair-account.js';
import { differenceOf, type Interval, wilson } from './proportions.js';
import type { ExperimentRules } from './rules.js';
import type { QuantileSketch } from './sketch.js';
import type { VersionAccount } from './version-account.js';

export const BOUND_NAMES = [
  'error_rate',
  'fail_rate_difference',
  'latency_ratio',
  'disagreement_rate',
] as const;

export type BoundName = (typeof BOUND_NAMES)[number];

/**
 * - `kept`: the whole interval lies within the bound
 * - `broken`: the whole interval lies outside
 * - `open`: neither, or too few dies to say
 */
export type Verdict = 'kept' | 'open' | 'broken';

/** One bound and what the dies say of it. */
export interface Finding {
  readonly bound: BoundName;
  /** Estimate and interval; undefined while there is nothing to estimate from. `high` may be infinite. */
  readonly interval: Interval | undefined;
  /** The bound; a fail-rate difference must keep it in both directions. */
  readonly limit: number;
  /** How many dies the estimate rests on: those of the version that has fewer. */
  readonly dies: number;
  readonly enough: boolean;
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
  /** Standard normal quantile of the intervals. */
  readonly z: number;
}

/** The bounds of every comparison; that of disagreement needs a shadow. */
export type Bounds = Omit<ExperimentRules, 'maxDisagreementRate'>;

/**
 * Judges a candidate beside the baseline.
 *
 * The fail rate's bound holds in both directions: a version that fails fewer dies may let bad ones escape.
 *
 * The interval of the fail rates allows for dies of one wafer (or whatever the split goes by) being alike;
 * the others take dies as independent.
 */
export function judge({ baseline, candidate }: Observation, bounds: Bounds, evidence: Evidence): Finding[] {
  const { errors, attempts } = candidate;
  const both = Math.min(baseline.dies, candidate.dies);
  const { maxErrorRate, maxFailRateDifference, maxLatencyRatio } = bounds;
  const failRates = failRateDifference(baseline, candidate, evidence.z);
  const latencies = latencyRatio(baseline, candidate, evidence.z);
  return [
    finding('error_rate', wilson(errors, attempts, evidence.z), maxErrorRate, attempts, evidence),
    finding('fail_rate_difference', failRates, maxFailRateDifference, both, evidence),
    finding('latency_ratio', latencies, maxLatencyRatio, both, evidence),
  ];
}

/** Judges how often a shadow disagrees with its primary. */
export function judgeDisagreement(pair: PairAccount, limit: number, evidence: Evidence): Finding {
  const rate = wilson(pair.disagreements, pair.compared, evidence.z);
  return finding('disagreement_rate', rate, limit, pair.compared, evidence);
}

function finding(
  bound: BoundName,
  interval: Interval | undefined,
  limit: number,
  dies: number,
  { minDies }: Evidence,
): Finding {
  const enough = dies >= minDies;
  return { bound, interval, limit, dies, enough, verdict: enough ? verdictOf(interval, limit) : 'open' };
}

/** Whether the estimate itself, leaving its interval aside, is within the bound. */
export function estimateWithin({ interval, limit }: Finding): boolean {
  return interval !== undefined && Math.abs(interval.value) <= limit;
}

/** A version's fail rate: Wilson's interval of as many dies as the design effect leaves. */
export function failRate(account: VersionAccount, effect: number, z: number): Interval | undefined {
  return wilson(account.fails / effect, account.dies / effect, z);
}

/** Candidate's fail rate minus the baseline's (Newcombe 1998, method 10). */
export function failRateDifference(
  baseline: VersionAccount,
  candidate: VersionAccount,
  z: number,
): Interval | undefined {
  const effect = jointEffect(baseline.designEffect, candidate.designEffect, z);
  const [from, to] = [failRate(baseline, effect, z), failRate(candidate, effect, z)];
  return from === undefined || to === undefined ? undefined : differenceOf(from, to);
}

/** Candidate's p99 latency over the baseline's: a difference of logarithms. */
function latencyRatio(baseline: VersionAccount, candidate: VersionAccount, z: number): Interval | undefined {
  const from = logQuantile(baseline.latencies, 0.99, z);
  const to = logQuantile(candidate.latencies, 0.99, z);
  if (from === undefined || to === undefined) return undefined;
  const { value, low, high } = differenceOf(from, to);
  return { value: Math.exp(value), low: Math.exp(low), high: Math.exp(high) };
}

// Microseconds are what a clock tells apart; it also keeps the logarithm finite.
const LEAST_LATENCY_MS = 1e-3;

/**
 * Logarithm of a quantile with its distribution-free interval: the values of the ranks that a binomial
 * count leaves possible (Hahn and Meeker 1991, 5.2). With fewer values than reach beyond q, there is no
 * upper limit.
 */
function logQuantile(sketch: QuantileSketch, q: number, z: number): Interval | undefined {
  if (sketch.count === 0) return undefined;
  const reach = z * Math.sqrt((q * (1 - q)) / sketch.count);
  const at = (share: number) => Math.log(Math.max(LEAST_LATENCY_MS, sketch.quantile(share) ?? 0));
  return {
    value: at(q),
    low: at(Math.max(0, q - reach)),
    high: q + reach < 1 ? at(q + reach) : Number.POSITIVE_INFINITY,
  };
}

function verdictOf(interval: Interval | undefined, limit: number): Verdict {
  if (interval === undefined) return 'open';
  if (interval.low > limit || interval.high < -limit) return 'broken';
  return interval.low >= -limit && interval.high <= limit ? 'kept' : 'open';
}
