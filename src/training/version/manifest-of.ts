import { createHash } from 'node:crypto';
import type { Parameter } from '../../models/manifest/input-schema.js';
import { type ScreenManifest, ScreenManifestSchema } from '../../models/manifest/task-manifests.js';
import type { FalseAlarmSpread } from '../evaluation/false-alarm-spread.js';
import { CONTRIBUTIONS, INPUT, RESIDUALS, SCORE } from '../screen/screen-graph.js';
import type { DieTable } from '../table/die-table.js';
import type { ParameterFacts } from '../table/parameter-table.js';
import { THRESHOLD, type TrainingResult } from '../train.js';

/** What names a version and says where it came from. */
export interface VersionIdentity {
  readonly name: string;
  readonly version: string;
  /** ISO 8601 UTC. */
  readonly created: string;
  /** diegate version that trains. */
  readonly codeVersion: string;
  /** What the data is, in words; the files' names and hashes are added. */
  readonly dataDescription?: string | undefined;
  readonly missing: 'reject' | 'impute';
  /** What is taken out of the test names of lots. */
  readonly stripName?: string | undefined;
  /** Commands that make this version again, one a line. */
  readonly rebuild: readonly string[];
}

/** The manifest of a trained version, as its schema has it. */
export function manifestOf(
  table: DieTable,
  result: TrainingResult,
  identity: VersionIdentity,
  facts: ReadonlyMap<string, ParameterFacts>,
  onnx: Uint8Array,
): ScreenManifest {
  const { name, version, created, codeVersion, missing } = identity;
  return ScreenManifestSchema.parse({
    name,
    version,
    description: descriptionOf(result),
    task: 'anomaly-screen',
    input: {
      name: INPUT,
      parameters: parametersOf(table, result, facts),
      missing,
      ...(identity.stripName !== undefined && { stripName: identity.stripName }),
    },
    outputs:
      result.screen.residual === undefined
        ? { score: SCORE, contributions: CONTRIBUTIONS }
        : { score: SCORE, residuals: RESIDUALS },
    threshold: THRESHOLD,
    calibration: result.calibration,
    ...(result.baseRate !== undefined && { baseRate: rounded(result.baseRate) }),
    sha256: createHash('sha256').update(onnx).digest('hex'),
    lineage: { data: describeData(table, identity.dataDescription), rows: table.dies, codeVersion, created },
    metrics: metricsOf(result),
  });
}

function descriptionOf({ screen }: TrainingResult): string {
  const process = `prediction error and Hotelling's T² of ${screen.components} principal components in one index`;
  const dependency = 'the largest distance of a parameter from what all others let expect';
  const judges = {
    process,
    dependency,
    combined: `${process}, and ${dependency}`,
    limits: 'part average limits of each alone',
  }[screen.kind];
  const kind = {
    process: 'Multivariate outlier',
    dependency: 'Dependency',
    combined: 'Combined',
    limits: 'Limits',
  }[screen.kind];
  return `${kind} screen over ${screen.parameters} test parameters: ${judges}; a die fails above 1.`;
}

function parametersOf(
  table: DieTable,
  { screen, dependency, normal }: TrainingResult,
  facts: ReadonlyMap<string, ParameterFacts>,
): Parameter[] {
  return table.parameters.map((name, p) => ({
    ...facts.get(name),
    name,
    // Also what the graph puts in place of a missing value.
    ...(['used', 'verdict'].includes(screen.standardisation.use[p] ?? '') && {
      expected: Number(normal.standardisation.centre[p].toPrecision(7)),
    }),
    ...((dependency?.sigmas[p] ?? 0) > 0 && {
      residualSigma: Number(dependency?.sigmas[p]?.toPrecision(7)),
    }),
  }));
}

function describeData({ sources }: DieTable, description: string | undefined): string {
  const files = sources.map(({ name, sha256, dies }) => `${name} (${dies} dies, sha256 ${sha256})`);
  return [...(description === undefined ? [] : [description]), ...files].join('; ');
}

function metricsOf(result: TrainingResult): ScreenManifest['metrics'] {
  const { metrics, limit, normal } = result;
  const figures = {
    heldOutPassingDies: metrics.passingDies,
    heldOutDefectiveDies: metrics.defectiveDies,
    falseAlarmRate: metrics.falseAlarmRate,
    ...spreadFigures(result.falseAlarmSpread),
    detectionRate: metrics.detectionRate,
    auc: metrics.auc,
    brierScore: result.brierScore,
    detectionRateByLimitsAlone: result.caughtByLimits,
    calibrationDies: limit.dies,
    components: normal.components,
    explainedVariance: normal.explainedVariance,
  };
  const known = Object.entries(figures).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, rounded(value)] as const],
  );
  return {
    ...Object.fromEntries(known),
    ...(Object.keys(metrics.diesByDefect).length > 0 && {
      detectionRateByDefect: mapValues(metrics.detectionRateByDefect, rounded),
      heldOutDiesByDefect: { ...metrics.diesByDefect },
    }),
  };
}

/** By lots, or by what was resampled in their place. */
function spreadFigures(spread: FalseAlarmSpread | undefined) {
  return {
    falseAlarmRateMeanOfDraws: spread?.mean,
    falseAlarmRateLow: spread?.low,
    falseAlarmRateHigh: spread?.high,
    falseAlarmRateOfFurtherLotsHigh: spread?.by === 'lot' ? spread.further?.high : undefined,
  };
}

function mapValues(record: Readonly<Record<string, number>>, map: (value: number) => number) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
