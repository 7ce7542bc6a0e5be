import { Fault } from '../errors.js';
import type { Calibration } from '../models/manifest/outputs-schema.js';
import { brierScore, calibrate } from './evaluation/calibration.js';
import { type FalseAlarmSpread, falseAlarmSpread } from './evaluation/false-alarm-spread.js';
import { shareOutsideLimits } from './evaluation/limit-check.js';
import { measureScreen, type ScreenMetrics } from './evaluation/metrics.js';
import { type DieSplit, splitDies, withLabel } from './evaluation/split.js';
import {
  type IndexLimits,
  limitsFrom,
  type TheoreticalLimits,
  theoreticalLimits,
} from './screen/combined-index.js';
import type { ControlLimit } from './screen/control-limit.js';
import { type DependencyModel, fitDependency } from './screen/dependency.js';
import { fitNormal, type NormalModel } from './screen/fit.js';
import { limitsScreen } from './screen/limits-screen.js';
import { type Screen, type ScreenKind, scoreDies } from './screen/screen.js';
import { screenOfKind } from './screen/screen-of-kind.js';
import { type DieTable, takeDies } from './table/die-table.js';
import type { ParameterFacts } from './table/parameter-table.js';

/** A control limit from fewer passing dies than this would mean nothing. */
const MIN_PASSING_DIES = 20;

/** A die fails above this score, by construction. */
export const THRESHOLD = 1;

interface TrainingOptions {
  /** Share of good dies that may fail, above 0 and below 1. */
  readonly falseAlarmRate: number;
  /** Number of principal components; by default parallel analysis says. */
  readonly components?: number | undefined;
  /** What judges; by default `process`. */
  readonly screen?: ScreenKind | undefined;
  /** Units, test numbers and limits by parameter name, where known. */
  readonly facts: ReadonlyMap<string, ParameterFacts>;
}

/** What training found, in numbers: everything that the files of a version are written from. */
export interface TrainingResult {
  readonly screen: Screen;
  readonly normal: NormalModel;
  /** Of all kinds but `process`. */
  readonly dependency: DependencyModel | undefined;
  readonly limits: IndexLimits;
  /** By which the screen's score is 1. */
  readonly limit: ControlLimit;
  readonly theory: TheoreticalLimits;
  readonly split: DieSplit;
  readonly calibration: Calibration;
  /** Share of defective dies that the calibration assumes; undefined where it is nominal. */
  readonly baseRate: number | undefined;
  /** Measured on held-out dies. */
  readonly metrics: ScreenMetrics;
  readonly brierScore: number | undefined;
  /** How much the false-alarm rate differs between lots; undefined of too few dies, and of limits. */
  readonly falseAlarmSpread: FalseAlarmSpread | undefined;
  /** What limits alone would catch of the held-out defective dies, where limits are known. */
  readonly caughtByLimits: number | undefined;
  /** False-alarm rate that the theoretical limit would have had on the held-out dies. */
  readonly falseAlarmRateOfTheory: number;
  /**
   * float64 [dies of the table]: anomaly scores by the double-precision reference; residuals of dies that a dependency was
   * fitted to by one that they were not part of.
   */
  readonly scores: Float64Array;
}

/** Fits, calibrates and measures the screen. Pure: the same table and options give the same numbers. */
export function trainScreen(table: DieTable, options: TrainingOptions): TrainingResult {
  const passingDies = requirePassingDies(table);
  const split = splitDies(table);
  const functional = functionalOf(options.facts);
  const normal = fitNormal(table, withLabel(table, split.fit, 'pass'), options.components, functional);
  const calibrationPass = withLabel(table, split.calibration, 'pass');
  const { screen: kind = 'process', falseAlarmRate: rate } = options;
  const limits = limitsFrom(normal, takeDies(table, calibrationPass), rate);
  const theory = theoreticalLimits(normal, limits, rate);
  const learnt = dependencyDies(table, split, normal);
  const dependency = kind === 'process' || kind === 'limits' ? undefined : fitDependency(learnt);
  const calibrated = screenOfKind(kind, normal, limits, dependency, { rows: calibrationPass, rate });
  const { limit } = calibrated;
  const screen =
    kind === 'limits' ? limitsScreen(calibrated.screen, normal, table, learnt.rows) : calibrated.screen;
  const scores = unfittedScores(screen, table, dependency);
  const pick = (rows: readonly number[]) => Float64Array.from(rows, (row) => scores[row]);

  // Failing dies are never fitted to, so those of the fitting part serve to calibrate too.
  const defective = pick(withLabel(table, [...split.fit, ...split.calibration], 'fail'));
  const baseRate = (table.dies - passingDies) / table.dies;
  const calibration = calibrate({ passing: pick(calibrationPass), defective, baseRate });

  const heldOutPass = pick(withLabel(table, split.heldOut, 'pass'));
  const heldOutFail = withLabel(table, split.heldOut, 'fail');
  const theoreticalThreshold = theory.combined / limits.combined.limit;
  const scored = split.heldOut.map((row) => ({
    score: scores[row],
    passing: table.passing[row] === 1,
    defect: table.defects[row],
  }));
  return {
    screen,
    normal,
    dependency,
    limits,
    limit,
    theory,
    split,
    calibration,
    baseRate: calibration.basis === 'labelled' ? baseRate : undefined,
    metrics: measureScreen(scored, THRESHOLD),
    brierScore: table.labelled ? brierScore(calibration, heldOutPass, pick(heldOutFail)) : undefined,
    // Limits are not set by a share of false alarms: drawing dies anew would not move them as it says.
    falseAlarmSpread: kind === 'limits' ? undefined : spreadOf(table, split, scores, options.falseAlarmRate),
    caughtByLimits: shareOutsideLimits(table, heldOutFail, options.facts),
    falseAlarmRateOfTheory:
      heldOutPass.filter((score) => score > theoreticalThreshold).length / heldOutPass.length,
    scores,
  };
}

/** All good dies that are not held out: each is judged by what others say. */
function dependencyDies(table: DieTable, split: DieSplit, normal: NormalModel) {
  const rows = withLabel(table, [...split.fit, ...split.calibration], 'pass').sort((a, b) => a - b);
  const groups = { lot: table.lots, wafer: table.wafers, die: undefined }[split.by];
  return { table, rows, groups, normal };
}

/** Scores of all dies of the table; of those that a dependency was fitted to, by what was not. */
function unfittedScores(
  screen: Screen,
  table: DieTable,
  dependency: DependencyModel | undefined,
): Float64Array {
  if (screen.residual === undefined || dependency === undefined) return scoreDies(screen, table.values);
  const process =
    screen.kind === 'combined'
      ? scoreDies({ ...screen, kind: 'process', residual: undefined }, table.values)
      : undefined;
  const { weight } = screen.residual;
  return scoreDies(screen, table.values).map((score, row) => {
    const largest = dependency.unfitted.get(row);
    return largest === undefined ? score : Math.max(process?.[row] ?? 0, largest * weight);
  });
}

/** Over the good dies that were not fitted to. */
function spreadOf(
  table: DieTable,
  { calibration, heldOut }: DieSplit,
  scores: Float64Array,
  rate: number,
): FalseAlarmSpread | undefined {
  const dies = withLabel(table, [...calibration, ...heldOut], 'pass').map((row) => ({
    score: scores[row],
    lot: table.lots?.[row],
    wafer: table.wafers?.[row],
  }));
  return falseAlarmSpread(dies, calibration.length / (calibration.length + heldOut.length), rate);
}

/** The parameters that are verdicts of functional tests. */
export function functionalOf(facts: ReadonlyMap<string, ParameterFacts>): ReadonlySet<string> {
  return new Set([...facts].flatMap(([name, { functional }]) => (functional === true ? [name] : [])));
}

/** The number of passing dies. Refuses too few; `details` are told with it, a line each. */
export function requirePassingDies(
  table: Pick<DieTable, 'dies' | 'passing'>,
  details: readonly string[] = [],
): number {
  const passingDies = table.passing.reduce((sum, pass) => sum + pass, 0);
  if (passingDies < MIN_PASSING_DIES) {
    throw new Fault('invalid_data', [
      `found ${passingDies} passing dies of ${table.dies}, expected at least ${MIN_PASSING_DIES} to learn what is normal`,
      ...details,
    ]);
  }
  return passingDies;
}
