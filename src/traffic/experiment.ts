import { z } from 'zod';
import {
  BOUND_NAMES,
  type Finding,
  failRate,
  failRateDifference,
  judge,
  judgeDisagreement,
} from './bounds.js';
import { jointEffect } from './clusters.js';
import type { PairAccount } from './pair-account.js';
import { type Interval, twoProportionTest, wilson, zOf } from './proportions.js';
import type { ExperimentRules } from './rules.js';
import type { QuantileSketch } from './sketch.js';
import type { VersionAccount } from './version-account.js';
import { confidenceOf, scarcityOf, sentenceOf } from './wording.js';

const count = z.int().min(0);

const IntervalSchema = z
  .object({
    value: z.number(),
    low: z.number(),
    high: z.number().nullable().describe('null where too few dies set no upper limit'),
  })
  .describe('Estimate and confidence interval');

const QuantilesSchema = z
  .object({ p50: z.number(), p90: z.number(), p99: z.number() })
  .describe('Each within 1% of a value of that rank');

const VersionFiguresSchema = z.object({
  version: z.string(),
  dies: count.describe('Decided dies'),
  fails: count.describe('Decided dies that failed'),
  errors: count.describe('Dies without a decision, by a fault of the version'),
  fail_rate: IntervalSchema.nullable().describe('Of the decided dies, Wilson interval; null without any'),
  error_rate: IntervalSchema.nullable().describe('Of all dies, Wilson interval; null without any'),
  anomaly_score: QuantilesSchema.nullable(),
  latency_ms: QuantilesSchema.nullable(),
});

const DisagreementSchema = z.object({
  compared: count.describe('Dies that both versions decided'),
  disagreements: count,
  pass_to_fail: count.describe('Passed by the baseline, failed by its shadow'),
  fail_to_pass: count.describe('Failed by the baseline, passed by its shadow'),
  rate: IntervalSchema.nullable().describe('Wilson interval; null while nothing was compared'),
  score_difference: z
    .object({
      mean: z.number(),
      sd: z.number().nullable().describe('Standard deviation; null of one die'),
      max_abs: z.number(),
      quantiles: QuantilesSchema,
    })
    .nullable()
    .describe("Shadow's anomaly score minus the baseline's"),
  baseline_latency_ms: QuantilesSchema.nullable(),
  shadow_latency_ms: QuantilesSchema.nullable(),
  dropped: count.describe('Dies that the shadow was not shown, because traffic needed the workers'),
  failed: count.describe('Dies that the shadow gave no decision for'),
});

const BoundSchema = z.object({
  bound: z.enum(BOUND_NAMES),
  interval: IntervalSchema.nullable(),
  limit: z.number(),
  verdict: z.enum(['kept', 'open', 'broken']).describe('Whether the whole interval is within, or outside'),
});

/** What comparing two versions of a model shows. */
export const ExperimentSchema = z
  .object({
    baseline: VersionFiguresSchema,
    candidate: VersionFiguresSchema,
    design_effect: z
      .number()
      .min(1)
      .describe('Dies of one wafer are alike: so many say as much of the fail rate as one independent die'),
    fail_rate_difference: IntervalSchema.nullable().describe("Candidate's fail rate minus the baseline's"),
    z: z.number().nullable().describe('Two-proportion z-test of the fail rates, pooled variance'),
    p_value: z.number().min(0).max(1).nullable().describe('Of that test, two-sided'),
    disagreement: DisagreementSchema.nullable().describe('null unless the candidate shadows the baseline'),
    bounds: z.array(BoundSchema),
    recommendation: z.enum(['promote', 'hold', 'roll_back']),
    reasons: z.array(z.string()).min(1),
  })
  .describe('Two versions compared, with a recommendation by the rules of the manifest');

export type Experiment = z.infer<typeof ExperimentSchema>;

export interface Comparison {
  readonly baseline: VersionAccount;
  readonly candidate: VersionAccount;
  /** The candidate as a shadow of the baseline, where it is one. */
  readonly pair?: PairAccount | undefined;
  readonly rules: ExperimentRules;
}

/**
 * Compares a candidate with the version that it would replace. The recommendation looks at where the
 * interval of each bound's figure lies, at the significance of the rules:
 *
 * - `roll_back` if any interval lies wholly outside its bound: harm beyond what chance explains. The risk
 *   of rolling back a version that just keeps all bounds is at most the sum of the bounds' one-sided risks.
 * - `promote` if all lie wholly inside. That all must hold makes this an intersection-union test (Berger
 *   1982): it needs no correction for their number. For the fail rate it is a test of equivalence
 *   (Schuirmann 1987); a p-value above the significance alone would not do, as few dies give that too.
 * - `hold` otherwise, also while either version has fewer than `minDies`. An interval must be narrow to lie
 *   within a bound: with fail rates of 5% and a bound of 0.01 that takes about 12,000 dies of each version.
 *
 * The z-test is reported and takes no part: with many dies it finds differences that matter to nobody.
 * It takes dies as independent; the intervals of the fail rates do not, see `design_effect`. Where both
 * versions saw the same dies, the interval of their difference is wider than it need be, which errs towards
 * `hold`.
 */
export function compareVersions({ baseline, candidate, pair, rules }: Comparison): Experiment {
  const quantile = zOf(rules.significance);
  const effect = jointEffect(baseline.designEffect, candidate.designEffect, quantile);
  const evidence = { minDies: rules.minDies, z: quantile };
  const findings = judge({ baseline, candidate }, rules, evidence);
  if (pair !== undefined) findings.push(judgeDisagreement(pair, rules.maxDisagreementRate, evidence));
  const test = twoProportionTest(
    { count: baseline.fails, total: baseline.dies },
    { count: candidate.fails, total: candidate.dies },
  );
  return {
    baseline: figuresOf(baseline, effect, quantile),
    candidate: figuresOf(candidate, effect, quantile),
    design_effect: effect,
    fail_rate_difference: reported(failRateDifference(baseline, candidate, quantile)),
    z: test?.z ?? null,
    p_value: test?.pValue ?? null,
    disagreement: pair === undefined ? null : disagreementOf(pair, quantile),
    bounds: findings.map(({ bound, interval, limit, verdict }) => ({
      bound,
      interval: reported(interval),
      limit,
      verdict,
    })),
    ...recommend(findings, rules),
  };
}

function recommend(
  findings: readonly Finding[],
  { minDies, significance }: ExperimentRules,
): Pick<Experiment, 'recommendation' | 'reasons'> {
  const say = (finding: Finding) =>
    finding.enough ? sentenceOf(finding, confidenceOf(significance)) : scarcityOf(finding, minDies);
  const broken = findings.filter(({ verdict }) => verdict === 'broken');
  if (broken.length > 0) return { recommendation: 'roll_back', reasons: broken.map(say) };
  const open = findings.filter(({ verdict }) => verdict === 'open');
  if (open.length > 0) return { recommendation: 'hold', reasons: open.map(say) };
  return { recommendation: 'promote', reasons: findings.map(say) };
}

function figuresOf(account: VersionAccount, effect: number, quantile: number): Experiment['baseline'] {
  const { version, dies, fails, errors, attempts, scores, latencies } = account;
  return {
    version,
    dies,
    fails,
    errors,
    fail_rate: reported(failRate(account, effect, quantile)),
    error_rate: reported(wilson(errors, attempts, quantile)),
    anomaly_score: quantilesOf(scores),
    latency_ms: quantilesOf(latencies),
  };
}

function disagreementOf(pair: PairAccount, quantile: number): Experiment['disagreement'] {
  return {
    compared: pair.compared,
    disagreements: pair.disagreements,
    pass_to_fail: pair.passToFail,
    fail_to_pass: pair.failToPass,
    rate: reported(wilson(pair.disagreements, pair.compared, quantile)),
    score_difference: scoreDifferenceOf(pair),
    baseline_latency_ms: quantilesOf(pair.primaryLatencies),
    shadow_latency_ms: quantilesOf(pair.shadowLatencies),
    dropped: pair.dropped,
    failed: pair.failed,
  };
}

function scoreDifferenceOf(pair: PairAccount) {
  const { meanScoreDifference: mean, largestScoreDifference: largest } = pair;
  const quantiles = quantilesOf(pair.scoreDifferences);
  if (mean === undefined || largest === undefined || quantiles === null) return null;
  return { mean, sd: pair.deviationOfScoreDifference ?? null, max_abs: largest, quantiles };
}

function quantilesOf(sketch: QuantileSketch): z.infer<typeof QuantilesSchema> | null {
  const [p50, p90, p99] = [sketch.quantile(0.5), sketch.quantile(0.9), sketch.quantile(0.99)];
  return p50 === undefined || p90 === undefined || p99 === undefined ? null : { p50, p90, p99 };
}

/** An interval as JSON can hold it. */
function reported(interval: Interval | undefined): z.infer<typeof IntervalSchema> | null {
  if (interval === undefined) return null;
  const { value, low, high } = interval;
  return { value, low, high: Number.isFinite(high) ? high : null };
}
