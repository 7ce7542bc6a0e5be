import { z } from 'zod';
import { type Assessment, countOver, type GroupAssessment, largest, worst } from './assess.js';
import { DriftComparison, type ParameterDrift } from './compare.js';
import type { DriftCounts } from './counts.js';
import type { Observed } from './drift-state.js';
import type { ReferenceBins } from './reference-bins.js';
import { judgeDrift, type Names, VERDICTS } from './verdict.js';

const IndexSchema = z.number().describe('Population stability index without what chance adds, at least 0');

const RankedSchema = z.object({
  index: z.int().describe('Place in test_params, from 0'),
  name: z.string(),
  psi: IndexSchema,
});

const ParameterDriftSchema = RankedSchema.extend({
  psi_uncorrected: z.number().describe('As the formula gives it'),
  ks: z.number().describe('Kolmogorov-Smirnov distance at the deciles, 0 to 1'),
  mean_shift: z
    .number()
    .nullable()
    .describe("Mean less the reference's, in its standard deviations; null where it has none"),
  standard_deviation_ratio: z
    .number()
    .nullable()
    .describe("Standard deviation over the reference's; null where it has none"),
  missing_rate: z.number().describe('Of the dies that reached the parameter'),
  reference_missing_rate: z.number(),
  stopped_rate: z
    .number()
    .describe('Share of all dies that were measured no further than before it: stop on fail'),
  reference_stopped_rate: z.number(),
});

const EquipmentDriftSchema = z.object({
  equipment_id: z.string().nullable().describe('null for the two groups below'),
  group: z
    .enum(['equipment', 'unnamed', 'other'])
    .describe('unnamed: dies without equipment_id; other: equipment beyond those that are told apart'),
  dies: z.int(),
  sampled_dies: z.int().describe('Dies that were counted'),
  judged: z.boolean().describe('Whether its dies and steps are enough'),
  drifts: z
    .boolean()
    .describe('Whether a parameter of its own is over 0.25, or its fail rate differs from the others'),
  fail_rate: z.number().nullable(),
  fail_rate_verdict: z
    .enum(['open', 'like others', 'fails more', 'fails fewer'])
    .describe('Against the other equipment, by wafers; open: too few dies, or one wafer only'),
  fail_rate_difference: z
    .object({ value: z.number(), low: z.number(), high: z.number() })
    .nullable()
    .describe(
      'To the other equipment in the middle, with the limits that the verdict goes by; null where open',
    ),
  psi_max: IndexSchema,
  own_psi_max: z
    .number()
    .describe('Largest index that is its own: beyond what wafers and other equipment show'),
  own_over_0_1: z.int(),
  own_over_0_25: z.int(),
  worst: z.array(RankedSchema).describe('At most 20 parameters that are its own, by that index'),
});

const BinsSchema = z.array(z.number()).describe('Shares of the bins');

/** GET /models/{m}/versions/{v}/drift. */
export const DriftReportSchema = z.object({
  model_name: z.string(),
  model_version: z.string(),
  at: z.string().describe('ISO 8601 UTC'),
  window_minutes: z.number(),
  step_minutes: z.number(),
  minimum_dies: z.int(),
  reference_dies: z.int(),
  reference_shares: z
    .enum(['exact', 'intervals'])
    .describe(
      'intervals: reference.json is of an older form, which knows deciles of passing dies only; what lies between them is not called drift. Train the version again',
    ),
  verdict: z.enum(VERDICTS),
  sentence: z.string(),
  active: z
    .array(z.string())
    .describe(
      'What has started to drift and has not ended: "product", "equipment <id>" or "fail rate of equipment <id>"',
    ),
  dies: z.int(),
  sampled_dies: z.int().describe('Dies that were counted: a random sample of all'),
  psi_max: IndexSchema,
  over_0_1: z.int(),
  over_0_25: z.int(),
  outputs: z.object({
    fail_rate: z.number().nullable(),
    unscorable_dies: z.int(),
    score: z.object({
      psi: IndexSchema,
      psi_uncorrected: z.number(),
      ks: z.number(),
      edges: z.array(z.number()).describe("The reference's deciles, of passing dies"),
      shares: BinsSchema,
    }),
    confidence: z.object({
      mean: z.number().nullable(),
      shares: BinsSchema.describe('Ten bins from 0 to 1'),
    }),
  }),
  equipment: z.array(EquipmentDriftSchema),
  of_equipment: z.string().nullable().describe('The equipment that `parameters` is of; null for all dies'),
  parameters: z.array(ParameterDriftSchema).describe('Every parameter, in the order of test_params'),
});

export type DriftReport = z.infer<typeof DriftReportSchema>;

/** Parameters that are named in metrics, events and lists of the worst. */
export const WORST = 20;

/** What a report says beside the assessment. */
interface ReportContext {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly at: Date;
  readonly windowMinutes: number;
  readonly stepMinutes: number;
  readonly minimumDies: number;
  readonly reference: ReferenceBins;
  readonly names: Names;
  readonly kindOf: (group: number) => 'equipment' | 'unnamed' | 'other';
  readonly equipmentOf: (group: number) => string | undefined;
  readonly active: readonly Pick<Observed, 'about' | 'equipmentId'>[];
}

/**
 * The full table of a version's drift.
 * @param group the group that the table is of; all dies by default
 */
export function driftReport(
  assessment: Assessment,
  context: ReportContext,
  group?: GroupAssessment,
): DriftReport {
  const { all, groups, psi: indexes } = assessment;
  const score = assessment.score();
  const { reference, names } = context;
  const { verdict, drifting, sentence } = judgeDrift(assessment, names, context.minimumDies);
  const over = countOver(indexes);
  const scored = all.sampled - all.unscorable;
  return {
    model_name: context.modelName,
    model_version: context.modelVersion,
    at: context.at.toISOString(),
    window_minutes: context.windowMinutes,
    step_minutes: context.stepMinutes,
    minimum_dies: context.minimumDies,
    reference_dies: reference.dies,
    reference_shares: reference.exact ? 'exact' : 'intervals',
    verdict,
    sentence,
    active: context.active.map(activeName),
    dies: all.dies,
    sampled_dies: all.sampled,
    psi_max: largest(indexes),
    over_0_1: over.changed,
    over_0_25: over.drifted,
    outputs: {
      fail_rate: failRate(all),
      unscorable_dies: all.unscorable,
      score: {
        psi: score.psi.psi,
        psi_uncorrected: score.psi.uncorrected,
        ks: score.ks,
        edges: Array.from(reference.score.edges),
        shares: shares(all.score, scored),
      },
      confidence: {
        mean: scored > 0 ? all.confidenceSum / scored : null,
        shares: shares(all.confidence, scored),
      },
    },
    equipment: groups.map((each) => equipmentDrift(each, context, drifting)),
    of_equipment: group === undefined ? null : (context.equipmentOf(group.group) ?? null),
    parameters: tableOf(assessment, context, group),
  };
}

function activeName({ about, equipmentId }: Pick<Observed, 'about' | 'equipmentId'>): string {
  if (equipmentId === undefined) return 'product';
  return about === 'fail_rate' ? `fail rate of equipment ${equipmentId}` : `equipment ${equipmentId}`;
}

function tableOf(assessment: Assessment, { reference, names }: ReportContext, group?: GroupAssessment) {
  const rows = group === undefined ? assessment.parameters() : parametersOf(reference, group.counts);
  return rows.map((drift, index) => {
    return { index, name: names.parameter(index), ...parameterRow(drift, reference, index) };
  });
}

function parametersOf(reference: ReferenceBins, counts: DriftCounts): ParameterDrift[] {
  const comparison = new DriftComparison(reference);
  const dies = comparison.reached(counts);
  return Array.from(reference.means, (_, p) => comparison.parameter(dies, p));
}

/** One parameter as a row of the table. */
export function parameterRow(
  { psi, ks, shift, missingRate, stoppedRate }: ParameterDrift,
  reference: ReferenceBins,
  index: number,
) {
  const hasSpread = (reference.standardDeviations[index] ?? 0) > 0;
  return {
    psi: psi.psi,
    psi_uncorrected: psi.uncorrected,
    ks,
    mean_shift: hasSpread ? (shift?.mean ?? null) : null,
    standard_deviation_ratio: hasSpread ? (shift?.standardDeviation ?? null) : null,
    missing_rate: missingRate,
    reference_missing_rate: reference.missingRates[index] ?? 0,
    stopped_rate: stoppedRate,
    reference_stopped_rate: reference.stoppedRates[index] ?? 0,
  };
}

function equipmentDrift(each: GroupAssessment, context: ReportContext, drifting: readonly number[]) {
  const { group, counts, enough, psi, own } = each;
  const over = countOver(own);
  return {
    equipment_id: context.equipmentOf(group) ?? null,
    group: context.kindOf(group),
    dies: counts.dies,
    sampled_dies: counts.sampled,
    judged: enough,
    drifts: drifting.includes(group),
    fail_rate: failRate(counts),
    fail_rate_verdict: each.failRate.verdict,
    fail_rate_difference: each.failRate.difference ?? null,
    psi_max: largest(psi),
    own_psi_max: largest(own),
    own_over_0_1: over.changed,
    own_over_0_25: over.drifted,
    worst: namedWorst(own, context.names),
  };
}

/** The worst parameters by name. */
export function namedWorst(indexes: Float64Array, names: Names) {
  return worst(indexes, WORST).map(({ parameter, psi }) => ({
    index: parameter,
    name: names.parameter(parameter),
    psi,
  }));
}

/** Of the dies that could be decided; null without any. */
export function failRate({ sampled, unscorable, fails }: DriftCounts): number | null {
  return sampled > unscorable ? fails / (sampled - unscorable) : null;
}

function shares(bins: Float64Array, dies: number): number[] {
  return Array.from(bins, (inBin) => (dies > 0 ? inBin / dies : 0));
}
