import { z } from 'zod';
import { effectOf, freedomOf, LEAST_CLUSTERS, type Spread } from '../statistics/design-effect.js';
import { differenceOf, type Interval, type ShareTest, shareTest } from '../statistics/proportions.js';
import { BOUND_NAMES, type Finding, failRates, judge, judgeDisagreement, shareOf } from './bounds.js';
import type { PairAccount } from './pair-account.js';
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
  wafers: count.describe('About how many wafers, or whatever the traffic goes by, the dies are of'),
  fail_rate: IntervalSchema.nullable().describe(
    'Of the decided dies; null while either version has dies of fewer than two wafers',
  ),
  error_rate: IntervalSchema.nullable().describe('Of all dies; null with fewer than two wafers'),
  outcomes: z
    .object({
      dies: count.describe('Dies whose outcome was posted, whenever they were decided'),
      accuracy: IntervalSchema.nullable().describe('Share of them that were decided as they turned out'),
      escape_rate: IntervalSchema.nullable().describe(
        'Of those that turned out to fail: share that was passed',
      ),
      false_alarm_rate: IntervalSchema.nullable().describe(
        'Of those that turned out to pass: share that was failed',
      ),
    })
    .nullable()
    .describe('null while none was posted; intervals are null while dies of fewer than two wafers were seen'),
  anomaly_score: QuantilesSchema.nullable(),
  latency_ms: QuantilesSchema.nullable(),
});

const DisagreementSchema = z.object({
  compared: count.describe('Dies that both versions decided'),
  disagreements: count,
  pass_to_fail: count.describe('Passed by the baseline, failed by its shadow'),
  fail_to_pass: count.describe('Failed by the baseline, passed by its shadow'),
  rate: IntervalSchema.nullable().describe('null while dies of fewer than two wafers were compared'),
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
      .nullable()
      .describe(
        'Dies of one wafer are alike: so many say as much of the fail rate as one independent die; null while ' +
          'either version has dies of fewer than two wafers, which tell nothing of it',
      ),
    fail_rate_difference: IntervalSchema.nullable().describe("Candidate's fail rate minus the baseline's"),
    z: z
      .number()
      .nullable()
      .describe(
        'Difference of the fail rates over its standard error, dies of a wafer being alike; null with fewer ' +
          'than two wafers, or where a version expects fails of fewer than five independent dies',
      ),
    p_value: z.number().min(0).max(1).nullable().describe("Of that test, two-sided, by Student's t"),
    disagreement: DisagreementSchema.nullable().describe('null unless the candidate shadows the baseline'),
    bounds: z.array(BoundSchema),
    recommendation: z.enum(['promote', 'hold', 'roll_back']),
    reasons: z.array(z.string()).min(1),
  })
  .describe('Two versions compared, with a recommendation by the rules of the manifest');

export type Experiment = z.infer<typeof ExperimentSchema>;

interface Comparison {
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
 * The test of the fail rates is reported and takes no part: with many dies it finds differences that matter to
 * nobody. Everything but the latencies allows for dies of one wafer being alike, see `design_effect`; with one
 * wafer of a version nothing is known of that, and all is open. Where both versions saw the same dies, the
 * interval of their difference is wider than it need be, which errs towards `hold`.
 */
export function compareVersions({ baseline, candidate, pair, rules }: Comparison): Experiment {
  const { significance, minDies } = rules;
  const observation = { baseline, candidate };
  const evidence = { minDies, significance };
  const findings = judge(observation, rules, evidence);
  if (pair !== undefined) findings.push(judgeDisagreement(pair, rules.maxDisagreementRate, evidence));
  const spreads = [baseline.failSpread(), candidate.failSpread()];
  const rates = failRates(observation, significance);
  const test = testOf(baseline, candidate, spreads);
  return {
    baseline: figuresOf(baseline, rates?.baseline, significance),
    candidate: figuresOf(candidate, rates?.candidate, significance),
    design_effect: effectOf(spreads, significance) ?? null,
    fail_rate_difference: reported(rates && differenceOf(rates.baseline, rates.candidate)),
    z: test?.z ?? null,
    p_value: test?.pValue ?? null,
    disagreement: pair === undefined ? null : disagreementOf(pair, significance),
    bounds: findings.map(({ bound, interval, limit, verdict }) => ({
      bound,
      interval: reported(interval),
      limit,
      verdict,
    })),
    ...recommend(findings, rules),
  };
}

function testOf(
  baseline: VersionAccount,
  candidate: VersionAccount,
  spreads: readonly Spread[],
): ShareTest | undefined {
  if (spreads.some(({ clusters }) => clusters < LEAST_CLUSTERS)) return undefined;
  return shareTest(
    { count: baseline.fails, total: baseline.dies },
    { count: candidate.fails, total: candidate.dies },
    Math.max(...spreads.map(({ effect }) => effect)),
    freedomOf(spreads),
  );
}

function recommend(
  findings: readonly Finding[],
  { minDies, significance }: ExperimentRules,
): Pick<Experiment, 'recommendation' | 'reasons'> {
  const say = (finding: Finding) =>
    finding.enough
      ? sentenceOf(finding, confidenceOf(significance))
      : scarcityOf(finding, { minDies, minWafers: LEAST_CLUSTERS });
  const broken = findings.filter(({ verdict }) => verdict === 'broken');
  if (broken.length > 0) return { recommendation: 'roll_back', reasons: broken.map(say) };
  const open = findings.filter(({ verdict }) => verdict === 'open');
  if (open.length > 0) return { recommendation: 'hold', reasons: open.map(say) };
  return { recommendation: 'promote', reasons: findings.map(say) };
}

function figuresOf(
  account: VersionAccount,
  failRate: Interval | undefined,
  significance: number,
): Experiment['baseline'] {
  const { version, dies, fails, errors, attempts, units, scores, latencies } = account;
  return {
    version,
    dies,
    fails,
    errors,
    wafers: units,
    fail_rate: reported(failRate),
    error_rate: reported(shareOf(errors, attempts, [account.errorSpread()], significance)),
    outcomes: outcomesOf(account, significance),
    anomaly_score: quantilesOf(scores),
    latency_ms: quantilesOf(latencies.all()),
  };
}

function outcomesOf(account: VersionAccount, significance: number): Experiment['baseline']['outcomes'] {
  const { outcomes } = account;
  if (outcomes.dies === 0) return null;
  const spreads = [account.failSpread()];
  const share = (dies: number, of: number) => reported(shareOf(dies, of, spreads, significance));
  return {
    dies: outcomes.dies,
    accuracy: share(outcomes.correct, outcomes.dies),
    escape_rate: share(outcomes.escapes, outcomes.turnedOut('fail')),
    false_alarm_rate: share(outcomes.falseAlarms, outcomes.turnedOut('pass')),
  };
}

function disagreementOf(pair: PairAccount, significance: number): Experiment['disagreement'] {
  return {
    compared: pair.compared,
    disagreements: pair.disagreements,
    pass_to_fail: pair.passToFail,
    fail_to_pass: pair.failToPass,
    rate: reported(shareOf(pair.disagreements, pair.compared, [pair.disagreementSpread()], significance)),
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
  // A ratio to no fail at all has no value.
  if (interval === undefined || !Number.isFinite(interval.value)) return null;
  const { value, low, high } = interval;
  return { value, low, high: Number.isFinite(high) ? high : null };
}
