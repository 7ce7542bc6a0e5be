import { binsText, yieldOfGroup } from '../../lots/part-groups.js';
import type { ShownForm } from '../../lots/shown-value.js';
import type { ScreenManifest } from '../../models/manifest/task-manifests.js';
import { MIN_DEFECTS } from '../evaluation/calibration.js';
import { DRAWS } from '../evaluation/false-alarm-spread.js';
import { type TableGroups, UNLIKE_TITLES, unlikeRows } from '../evaluation/table-groups.js';
import { describeTestsLeftOut, describeTouchdowns, type LotAccount } from '../lots/lot-account.js';
import { LIMIT_SIGMAS } from '../screen/limits-screen.js';
import { MAX_STANDARD_SCORE, MIN_MEASURED_SHARE } from '../screen/standardise.js';
import type { DieTable } from '../table/die-table.js';
import type { TrainingResult } from '../train.js';
import type { VersionIdentity } from './manifest-of.js';

const SPLITS = {
  lot: 'whole lots (no lot serves twice)',
  wafer:
    'whole wafers (no wafer serves twice; wafers of one lot do, so expect more false alarms on a new lot)',
  die: 'single dies (too few lots or wafers to go by: dies of one wafer may stand on both sides)',
} as const;

interface CardInput {
  readonly table: DieTable;
  readonly result: TrainingResult;
  readonly identity: VersionIdentity;
  readonly manifest: ScreenManifest;
  /** What the control limit was asked to keep to, 0 to 1. */
  readonly falseAlarmRate: number;
  /** Where the dies come from lot files. */
  readonly account?: LotAccount | undefined;
  readonly groups: readonly TableGroups[];
  readonly forms: ReadonlyMap<string, ShownForm>;
}

/** MODEL_CARD.md of a version: what it is, how it was made, what was measured, what it is not for. */
export function modelCard(input: CardInput): string {
  const { identity, manifest } = input;
  const sections = [
    `# ${identity.name}, version ${identity.version}`,
    manifest.description,
    `Made by diegate ${identity.codeVersion}, ${identity.created}.`,
    data(input),
    ...(input.account === undefined
      ? []
      : [lots(input.account), ...input.groups.map((of) => groupsOf(of, input.forms))]),
    method(input),
    threshold(input),
    measured(input),
    confidence(input),
    limitsOfUse(input),
    `## How to rebuild\n\n\`\`\`sh\n${identity.rebuild.join('\n')}\n\`\`\`\n\nThe same data and options give the same bytes on any machine.`,
  ];
  return `${sections.join('\n\n')}\n`;
}

function data({ table, result, manifest }: CardInput): string {
  const failing = table.passing.filter((pass) => pass === 0).length;
  const { use } = result.screen.standardisation;
  const left = table.parameters
    .map((name, p) => ({ name, use: use[p] }))
    .filter((parameter) => parameter.use === 'constant' || parameter.use === 'sparse');
  const named = (why: string) => left.filter((p) => p.use === why).map(({ name }) => name);
  const verdicts = use.filter((each) => each === 'verdict').length;
  const leftOut =
    left.length === 0
      ? 'All of them carry weight.'
      : `${left.length} of them have weight zero (they stay part of the input, and change no score). ` +
        `Constant on the fitting dies: ${list(named('constant'))}. ` +
        `Measured on less than ${percent(MIN_MEASURED_SHARE)} of them: ${list(named('sparse'))}.`;
  const { split } = result;
  return `## Data

${manifest.lineage.data}.

${table.dies} dies, ${table.labelled ? `${failing} of them labelled as failing` : 'without labels: all are taken for good'}, ${table.parameters.length} test parameters. ${leftOut}${verdicts === 0 ? '' : ` ${verdicts} are functional tests that good dies pass: 0 passed, 1 failed.`}

Only passing dies are fitted to. The dies are shared out by ${SPLITS[split.by]}, by a hash: ${split.fit.length} to fit, ${split.calibration.length} to set the control limit, ${split.heldOut.length} held out to measure. Missing values: ${manifest.input.missing === 'impute' ? "accepted; a missing value counts as the parameter's mean" : 'refused'}.`;
}

function lots(account: LotAccount): string {
  const tests = describeTestsLeftOut(account);
  const left =
    tests.length === 0
      ? 'Every parametric test of the lots is a parameter.'
      : `${tests.length} tests of the lots are no parameters:\n\n${bullets(tests)}`;
  return `## Lots

${bullets(describeTouchdowns(account))}

${left}`;
}

/** Yield, bins and means of sites or of testers. */
function groupsOf(of: TableGroups, forms: CardInput['forms']): string {
  const rows = of.groups.map(
    (group) =>
      `| ${cell(group.group)} | ${group.touchdowns} | ${percent(yieldOfGroup(group) ?? 0)} | ${binsText(group.hardBins, String)} |`,
  );
  const means = unlikeRows(of, forms).map((row) => `| ${row.map(cell).join(' | ')} |`);
  const unlike =
    means.length === 0
      ? 'No parameter has a mean that differs between them by more than chance.'
      : `Parameters whose mean over passing dies differs most:\n\n| ${UNLIKE_TITLES.join(' | ')} |\n|${'---|'.repeat(UNLIKE_TITLES.length)}\n${means.join('\n')}`;
  return `## By ${of.by}

| ${of.by} | dies | yield | hard bins |
|---|---|---|---|
${rows.join('\n')}

${unlike}`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function bullets(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join('\n');
}

function method(input: CardInput): string {
  const { screen, dependency, limit } = input.result;
  const process = screen.kind === 'dependency' ? '' : processMethod(input);
  if (screen.kind === 'limits') {
    return `## Method

Part average limits of each parameter alone (AEC-Q001): median ± ${LIMIT_SIGMAS} robust sigma over good dies, by the shape of its values, as \`diegate limits\` sets them. r is the distance from the middle of the limits, ${LIMIT_SIGMAS} at a limit; the anomaly score is max r² / ${LIMIT_SIGMAS * LIMIT_SIGMAS}. Missing values are not judged, nor are parameters without limits.`;
  }
  if (dependency === undefined) return `## Method\n\n${process}`;
  const combined =
    screen.kind === 'combined'
      ? `\n\nThe anomaly score is the larger of two: φ over its limit, and max r² over its own. Each limit was set to half of the false alarms asked for, and the larger of both ratios then once more to all of them (× ${figure(limit.limit)}), by the same dies: so neither takes more than its share by being noisier.`
      : ` The anomaly score is max r² over its control limit.`;
  return `## Method

${process}${process === '' ? `z = (x - centre) / scale for each parameter, held within ±${MAX_STANDARD_SCORE}.` : '\n\nBeside it:'} What a value is beyond what all others let expect: with Ω the inverse of the correlation between parameters over good dies, drawn to 0 by ${percent(dependency.shrinkage)} (Schäfer and Strimmer 2005, at least 0.5%),

    r_j = (Ω z)_j / (Ω_jj s_j)

in units of s_j, its 99th percentile over good dies of blocks that Ω was not made of, over 2.576: one sigma where it is normal, and more where its tail is heavy. Missing values count as the mean, and have no residual. The residuals are an output: \`?explain=k\` gives the value, what the others let expect, and r.${combined}`;
}

function processMethod({ result }: CardInput): string {
  const { normal, limits, theory, screen } = result;
  const beside = screen.kind === 'process' ? 'and the anomaly score is φ over its control limit. φ' : 'φ';
  return `The classic multivariate outlier screen. z = (x - centre) / scale for each parameter, held within ±${MAX_STANDARD_SCORE}. The centre is the mean over good dies, values beyond the 1st and 99th percentile drawn in to these; the scale is the part of the standard deviation that the strong process components leave unexplained, so that every parameter's noise weighs the same.${verdictScaling(result)} P holds the ${normal.components} principal components (${percent(normal.explainedVariance)} of the variance) that parallel analysis tells from noise (Horn 1965, with the Marchenko-Pastur edge), Λ their variances. Then

    SPE = |z - P Pᵀ z|²          what the process does not explain
    T²  = zᵀ P Λ⁻¹ Pᵀ z          how unusual the process itself is (Hotelling)
    φ   = SPE / δ² + T² / τ²     = |y|²,  y = (I - P Pᵀ) z / δ + P Λ^(-1/2) Pᵀ z / τ

${beside} is the combined index of H. H. Yue and S. J. Qin, Reconstruction-based fault identification using a combined index, Industrial & Engineering Chemistry Research 40 (2001) 4403-4414; δ² = ${figure(limits.spe)} is the limit of SPE, and τ² = ${figure(limits.t2)} the largest T², on good dies that were not fitted to: a die is not suspect for standing where the process has taken good dies. (Theory, for normally distributed dies: ${figure(theory.spe)} by Box's approximation and ${figure(theory.t2)} by chi-square.) y² over the limit is each parameter's contribution: none is negative, and they sum to the score.`;
}

function verdictScaling({ screen: { standardisation } }: CardInput['result']): string {
  if (!standardisation.use.includes('verdict')) return '';
  return ' Functional tests that good dies pass are outside of the components: a fail weighs more than all else that a good die shows, or, where good dies fail it now and then, as much as its share says.';
}

function threshold({ result, falseAlarmRate }: CardInput): string {
  const { theory, metrics } = result;
  const { limit, screen } = result;
  if (screen.kind === 'limits') {
    return `## Threshold

1.0: a value at its limit, plus 0.1%. The limits are what the rule says and keep to no share of false alarms.`;
  }
  const index = { process: 'φ', dependency: 'max r²', combined: 'the larger ratio' }[screen.kind];
  const promise =
    limit.guaranteedRate <= falseAlarmRate
      ? `a further good die exceeds it with a probability of at most ${percent(limit.guaranteedRate)}, whatever the distribution, provided it is like these, its lot too (split conformal prediction; δ² and τ² come from the same dies, so nearly)`
      : `with so few dies no limit can promise ${percent(falseAlarmRate)}, so it is their largest ${index}: a further good die like these exceeds it with a probability of up to ${percent(limit.guaranteedRate)}`;
  return `## Threshold

1.0, which is ${index} = ${figure(limit.limit)}: the ${limit.rank}th smallest ${index} of the ${limit.dies} good calibration dies, plus 0.1%. Asked for: at most ${percent(falseAlarmRate)} false alarms. Why this one: ${promise}.

${spread(result)}${
  screen.kind === 'process'
    ? `

Theory (chi-square, Box's approximation) puts the limit at φ = ${figure(theory.combined)}; on the ${metrics.passingDies} good held-out dies it would have given ${percent(result.falseAlarmRateOfTheory)} false alarms.`
    : ''
}`;
}

const RESAMPLED = {
  lot: {
    unit: 'lots',
    rest: 'Dies of one lot resemble each other, so this and not the promise above is what to expect of further lots.',
  },
  wafer: {
    unit: 'wafers',
    rest: 'There are fewer than three lots, so nothing is known of how much lots differ: expect more of further ones.',
  },
  die: {
    unit: 'dies',
    rest: 'There are fewer than three lots and wafers, so nothing is known of how much they differ: expect more, and less, of further ones.',
  },
} as const;

function spread({ falseAlarmSpread }: TrainingResult): string {
  if (falseAlarmSpread === undefined) return 'There are too few dies to tell how much this differs.';
  const { by, groups, drawn, mean, low, high, further } = falseAlarmSpread;
  const { unit, rest } = RESAMPLED[by];
  const reach =
    further === undefined
      ? ''
      : `Over many further ${unit} like these it lies between ${percent(further.low)} and ${percent(further.high)} (95%, Student's t): ${groups} ${unit} tell no more. `;
  return `How much that differs (bootstrap by whole ${unit}: of the ${groups} that were not fitted to, ${drawn} are drawn to set the limit, and it is held against those that were not drawn, ${DRAWS} times): false alarms of ${percent(mean)} on average, from ${percent(low)} to ${percent(high)} in nine of ten draws. ${reach}${rest}`;
}

function measured({ result, table }: CardInput): string {
  const { metrics } = result;
  const rows = [
    ['false alarms', metrics.falseAlarmRate, metrics.passingDies],
    ['defective dies caught', metrics.detectionRate, metrics.defectiveDies],
    ...Object.entries(metrics.detectionRateByDefect).map(
      ([mode, rate]) => [`${mode} caught`, rate, metrics.diesByDefect[mode]] as const,
    ),
    [
      'defective dies that the limits of the test program alone catch',
      result.caughtByLimits,
      metrics.defectiveDies,
    ],
  ] as const;
  const lines = rows.flatMap(([what, rate, dies]) =>
    rate === undefined ? [] : [`| ${what} | ${percent(rate)} | ${Math.round(rate * dies)} of ${dies} |`],
  );
  const auc = metrics.auc === undefined ? '' : `\n\nAUC ${figure(metrics.auc)}.`;
  const brier =
    result.brierScore === undefined ? '' : ` Brier score of the probabilities ${figure(result.brierScore)}.`;
  const unlabelled = table.labelled
    ? ''
    : '\n\nWithout labels nothing can be said of how many defects are caught.';
  return `## Measured on held-out dies

| | share | dies |
|---|---|---|
${lines.join('\n')}${auc}${brier}${unlabelled}`;
}

function confidence({ result }: CardInput): string {
  const { slope, intercept } = result.calibration;
  const basis =
    result.baseRate === undefined
      ? `Nominal: there are fewer than ${MIN_DEFECTS} labelled defects outside the held-out dies, or they do not clearly score higher, so the probability is 0.5 at the threshold by convention, and 1% at the median good die. Do not read it as a frequency.`
      : `Fitted on labelled dies that the screen was not fitted to (Platt 1999), weighted to a base rate of ${percent(result.baseRate)} defective dies, that of the training data. That is \`baseRate\` in the manifest. Where defects are rarer, the probabilities are too high until serving.json names the floor's own \`baseRate\`.`;
  return `## Confidence

P(defect) = 1 / (1 + exp(-(${figure(slope)} · ln(score) + ${figure(intercept)}))). ${basis}`;
}

function limitsOfUse({ table, result, account }: CardInput): string {
  return `## Limits of use

- It knows one product, one test program and the testers of its data; a change of any of them needs a new version.
- It flags what is unlike good dies, harmless or not. It does not name a defect mode; the contributions say which parameters to look at.
- A defect that moves few parameters by little stays below the limit.${table.labelled ? '' : '\n- It was fitted on unlabelled dies: defects among them widen its limits.'}${result.metrics.passingDies < 100 ? `\n- The false-alarm rate was measured on ${result.metrics.passingDies} good dies only: it is uncertain.` : ''}
- Values that a tester puts in place of a measurement (9999, 0) are measurements to it: send null instead.${account === undefined ? '' : `\n- "Failing" means failed by the tester, which is mostly a test outside its own limits: how many of these the screen catches does not say how many hidden defects it would.\n- A failing part often stops at its first failure. The tests it never ran count as average, so such a part has less to be told by.`}`;
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(2))}%`;
}

function figure(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}
