import { Fault } from '../errors.js';
import type { Calibration } from '../models/manifest/outputs-schema.js';
import { brierScore, calibrate } from './evaluation/calibration.js';
import { type FalseAlarmSpread, falseAlarmSpread } from './evaluation/false-alarm-spread.js';
import { shareOutsideLimits } from './evaluation/limit-check.js';
import { measureScreen, type ScreenMetrics } from './evaluation/metrics.js';
import { type DieSplit, splitDies, withLabel } from './evaluation/split.js';
import {
  createScreen,
  type IndexLimits,
  limitsFrom,
  type TheoreticalLimits,
  theoreticalLimits,
} from './screen/combined-index.js';
import { fitNormal, type NormalModel } from './screen/fit.js';
import { type Screen, scoreDies } from './screen/screen.js';
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
  /** Units, test numbers and limits by parameter name, where known. */
  readonly facts: ReadonlyMap<string, ParameterFacts>;
}

/** What training found, in numbers: everything that the files of a version are written from. */
export interface TrainingResult {
  readonly screen: Screen;
  readonly normal: NormalModel;
  readonly limits: IndexLimits;
  readonly theory: TheoreticalLimits;
  readonly split: DieSplit;
  readonly calibration: Calibration;
  /** Share of defective dies that the calibration assumes; undefined where it is nominal. */
  readonly baseRate: number | undefined;
  /** Measured on held-out dies. */
  readonly metrics: ScreenMetrics;
  readonly brierScore: number | undefined;
  /** How much the false-alarm rate differs between lots; undefined of too few dies. */
  readonly falseAlarmSpread: FalseAlarmSpread | undefined;
  /** What limits alone would catch of the held-out defective dies, where limits are known. */
  readonly caughtByLimits: number | undefined;
  /** False-alarm rate that the theoretical limit would have had on the held-out dies. */
  readonly falseAlarmRateOfTheory: number;
  /** float64 [dies of the table]: anomaly scores by the double-precision reference. */
  readonly scores: Float64Array;
}

/** Fits, calibrates and measures the screen. Pure: the same table and options give the same numbers. */
export function trainScreen(table: DieTable, options: TrainingOptions): TrainingResult {
  const passingDies = requirePassingDies(table);
  const split = splitDies(table);
  const functional = functionalOf(options.facts);
  const normal = fitNormal(table, withLabel(table, split.fit, 'pass'), options.components, functional);
  const calibrationPass = withLabel(table, split.calibration, 'pass');
  const limits = limitsFrom(normal, takeDies(table, calibrationPass), options.falseAlarmRate);
  const theory = theoreticalLimits(normal, limits, options.falseAlarmRate);
  const screen = createScreen(normal, limits);
  const scores = scoreDies(screen, table.values);
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
    limits,
    theory,
    split,
    calibration,
    baseRate: calibration.basis === 'labelled' ? baseRate : undefined,
    metrics: measureScreen(scored, THRESHOLD),
    brierScore: table.labelled ? brierScore(calibration, heldOutPass, pick(heldOutFail)) : undefined,
    falseAlarmSpread: spreadOf(table, split, scores, options.falseAlarmRate),
    caughtByLimits: shareOutsideLimits(table, heldOutFail, options.facts),
    falseAlarmRateOfTheory:
      heldOutPass.filter((score) => score > theoreticalThreshold).length / heldOutPass.length,
    scores,
  };
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
