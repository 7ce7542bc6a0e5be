import { priorShift } from '../../src/models/decision/base-rate.js';
import { screenRule } from '../../src/models/decision/decide.js';
import { calibrate } from '../../src/training/evaluation/calibration.js';
import { createRandom, type Random } from '../../src/training/random.js';
import { percent, row } from './table.js';

/**
 * A floor whose good and defective dies score as they do anywhere; only how many are defective differs. Logarithms of both
 * spread alike, so that a logistic function of them is right.
 */
function scoreOf(isDefective: boolean, random: Random): number {
  return Math.exp((isDefective ? 0.35 : -0.75) + 0.35 * random.normal());
}

/** Dies that were failed with a confidence in some range, and how often that was right. */
export interface ConfidenceBin {
  readonly dies: number;
  readonly stated: number;
  readonly right: number;
}

/**
 * Calibrates at one rate of defective dies and decides dies of another.
 * @param inForce the rate that the confidences are shifted to
 */
export function confidenceOf(
  {
    trainedAt,
    true: rate,
    inForce,
  }: { readonly trainedAt: number; readonly true: number; readonly inForce: number },
  dies: number,
  [from, to]: readonly [number, number],
  seed: string,
): ConfidenceBin {
  const random = createRandom(`truth/confidence/${seed}`);
  const some = (count: number, isDefective: boolean) =>
    Float64Array.from({ length: count }, () => scoreOf(isDefective, random));
  const calibration = calibrate({
    passing: some(20_000, false),
    defective: some(4_000, true),
    baseRate: trainedAt,
  });
  const shift = priorShift({ trainedAt, inForce });
  const decide = screenRule({
    threshold: 1,
    outputs: { score: 'score', direction: 'high' },
    calibration: { ...calibration, intercept: calibration.intercept + shift },
  });
  const found = { dies: 0, stated: 0, right: 0 };
  for (let die = 0; die < dies; die++) {
    const isDefective = random.chance(rate);
    const decided = decide(Float32Array.of(scoreOf(isDefective, random)), 0);
    if (decided?.prediction !== 'fail' || decided.confidence < from || decided.confidence >= to) continue;
    found.dies++;
    found.stated += decided.confidence;
    if (isDefective) found.right++;
  }
  return { dies: found.dies, stated: found.stated / found.dies, right: found.right / found.dies };
}

const BINS = [
  [0, 0.5],
  [0.5, 0.8],
  [0.8, 0.95],
  [0.95, 1.01],
] as const;

/** What a `fail` of some confidence is worth: a table of docs/statistics.md. */
export function confidenceTruth(runs: number): string {
  const lines: string[] = [];
  const dies = 1000 * runs;
  for (const trainedAt of [0.1]) {
    for (const rate of [0.1, 0.01, 0.002]) {
      for (const inForce of new Set([trainedAt, rate])) {
        for (const bin of BINS) {
          const found = confidenceOf(
            { trainedAt, true: rate, inForce },
            dies,
            bin,
            `${rate} ${inForce} ${bin}`,
          );
          if (found.dies < 30) continue;
          lines.push(
            row(percent(rate), percent(inForce), found.dies, found.stated.toFixed(2), percent(found.right)),
          );
        }
      }
    }
  }
  return [
    '### Dies that were failed, by their confidence; the screen was trained where 10% are defective',
    '',
    '| truly defective | base rate in force | dies failed | mean confidence | truly defective of these |',
    '|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}
