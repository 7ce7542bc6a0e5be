import type { CombinedShares } from '../../statistics/combined-shares.js';
import {
  type BoundFinding,
  type FigureBound,
  type Gate,
  type GateLimits,
  type GateVerdict,
  holdToBound,
} from './bounds.js';
import type { GateComparison } from './comparison.js';
import { groupGate } from './group-gate.js';
import { changeText, money, needText, percentText, rangeText } from './wording.js';

const LOSS = ['drop', 'gain'] as const;

/** The verdict on all gates: one that is missed decides, then one that is open. */
export function verdictOn(gates: readonly Gate[]): GateVerdict {
  const has = (verdict: GateVerdict) => gates.some((gate) => gate.verdict === verdict);
  if (has('missed')) return 'missed';
  return has('open') ? 'open' : 'holds';
}

/** Holds a comparison against the limits. */
export function gatesOf(comparison: GateComparison, limits: GateLimits): Gate[] {
  const { dies, candidate, groups } = comparison;
  return [
    ...accuracyGates(comparison, limits),
    ...detectionGates(comparison, limits),
    ...falseAlarmGates(comparison, limits),
    ...(groups.length === 0 ? [] : [groupGate(comparison, limits)]),
    ...costGates(comparison, limits),
    {
      gate: 'latency',
      verdict: candidate.latencyMs.p99 <= limits.maxP99Ms ? 'holds' : 'missed',
      measured: candidate.latencyMs.p99,
      required: limits.maxP99Ms,
      reason: `${candidate.model} answers 99% of single dies within ${candidate.latencyMs.p99.toFixed(3)} ms, allowed are ${limits.maxP99Ms} ms`,
    },
    {
      gate: 'samples',
      verdict: dies >= limits.minSamples ? 'holds' : 'open',
      measured: dies,
      required: limits.minSamples,
      ...(dies < limits.minSamples && { needed: { dies: limits.minSamples } }),
      reason: `the labelled set has ${dies} dies, required are at least ${limits.minSamples}`,
    },
  ];
}

function accuracyGates(comparison: GateComparison, limits: GateLimits): Gate[] {
  const { changes } = comparison;
  const { maxAccuracyDrop, minAccuracy } = limits;
  return shareGates(comparison, limits, {
    says: ({ accuracy }) => ['decides', percentText(accuracy), 'of the dies rightly'],
    change: { gate: 'accuracy', figure: changes.accuracyDrop, most: maxAccuracyDrop, words: LOSS },
    share: { gate: 'least accuracy', figure: changes.accuracy, bound: { least: minAccuracy } },
  });
}

function detectionGates(comparison: GateComparison, limits: GateLimits): Gate[] {
  const { changes } = comparison;
  const { maxDetectionDrop, minDetection } = limits;
  return shareGates(comparison, limits, {
    says: ({ detectionRate }) => ['catches', percentText(detectionRate), 'of the bad dies'],
    change: { gate: 'detection', figure: changes.detectionDrop, most: maxDetectionDrop, words: LOSS },
    share: { gate: 'least detection', figure: changes.detection, bound: { least: minDetection } },
  });
}

function falseAlarmGates(comparison: GateComparison, limits: GateLimits): Gate[] {
  const { changes } = comparison;
  const { maxFalseAlarmRise, maxFalseAlarms } = limits;
  return shareGates(comparison, limits, {
    says: ({ falseAlarmRate }) => ['fails', percentText(falseAlarmRate), 'of the good dies'],
    change: {
      gate: 'false alarm rise',
      figure: changes.falseAlarmRise,
      most: maxFalseAlarmRise,
      words: ['rise', 'fall'],
    },
    share: { gate: 'false alarms', figure: changes.falseAlarms, bound: { most: maxFalseAlarms } },
  });
}

/** A share of dies that a version decides so, and how it may change from the baseline's to the candidate's. */
interface JudgedShare {
  /** What a version does, with which share, of which dies. */
  readonly says: (
    version: GateComparison['candidate'],
  ) => readonly [does: string, share: string, dies: string];
  /** What it may become worse by, in points. */
  readonly change: {
    readonly gate: Gate['gate'];
    readonly figure: CombinedShares;
    readonly most: number;
    /** A change for the worse and for the better. */
    readonly words: readonly [worse: string, better: string];
  };
  /** What it is to be, in percent. */
  readonly share: {
    readonly gate: Gate['gate'];
    readonly figure: CombinedShares;
    readonly bound: FigureBound;
  };
}

function shareGates(
  comparison: GateComparison,
  limits: GateLimits,
  { says, change, share }: JudgedShare,
): Gate[] {
  const { baseline, candidate } = comparison;
  const [does, found, dies] = says(candidate);
  const [, before] = says(baseline);
  const judged = `${candidate.model} ${does} ${found} ${dies}`;
  const { bound } = share;
  const asked = 'least' in bound ? `required are at least ${bound.least}%` : `allowed are ${bound.most}%`;
  return [
    boundGate(comparison, limits, {
      ...change,
      bound: { most: change.most / 100 },
      says: (range) =>
        `${judged}, ${baseline.model} ${before}: ${changeText(change.figure.value, change.words)}${range}, allowed is a ${change.words[0]} of ${change.most}`,
    }),
    boundGate(comparison, limits, {
      ...share,
      bound: 'least' in bound ? { least: bound.least / 100 } : { most: bound.most / 100 },
      says: (range) => `${judged}${range}, ${asked}`,
    }),
  ];
}

function costGates(comparison: GateComparison, limits: GateLimits): Gate[] {
  const { baseline, candidate, costRise } = comparison;
  if (baseline.cost === undefined || candidate.cost === undefined || costRise === undefined) return [];
  const [before, after] = [baseline.cost.per1000, candidate.cost.per1000];
  const allowed = (before * limits.maxCostRise) / 100;
  const gate = boundGate(comparison, limits, {
    gate: 'cost',
    figure: costRise,
    bound: { most: allowed / 1000 },
    unit: 1000,
    says: (range) =>
      `the wrong decisions of 1,000 dies cost ${money(after)} with ${candidate.model}, ${money(before)} with ${baseline.model}: ${money(Math.abs(after - before))} ${after < before ? 'less' : 'more'}${range}, allowed are ${money(allowed)} (${limits.maxCostRise}%)`,
  });
  return [gate];
}

interface Worded {
  readonly gate: Gate['gate'];
  readonly figure: CombinedShares;
  readonly bound: FigureBound;
  /** Of what is reported: 100 for points and percent. */
  readonly unit?: number;
  /** @param range the interval in words, with a blank before it; empty where there is none */
  readonly says: (range: string) => string;
}

function boundGate(
  comparison: GateComparison,
  { significance }: Pick<GateLimits, 'significance'>,
  { gate, figure, bound, unit = 100, says }: Worded,
): Gate {
  const found = holdToBound(figure, bound, significance);
  const { verdict, interval } = found;
  const needed = neededDies(comparison, found);
  const reason = says(interval === undefined ? '' : ` ${rangeText(interval, significance, unit)}`);
  return {
    gate,
    verdict,
    measured: unit * figure.value,
    ...(interval !== undefined && { interval: { low: unit * interval.low, high: unit * interval.high } }),
    required: unit * ('most' in bound ? bound.most : bound.least),
    ...(needed !== undefined && { needed }),
    reason: verdict === 'open' ? `${reason}: ${needText(comparison, found, needed)}` : reason,
  };
}

function neededDies(
  { dies, clustering }: Pick<GateComparison, 'dies' | 'clustering'>,
  { needed }: BoundFinding,
): Gate['needed'] {
  if (needed === undefined) return undefined;
  const rounded = (count: number) => Number(Math.ceil(count).toPrecision(2));
  const many = { dies: rounded(dies * needed.times) };
  return clustering.by === 'die' ? many : { ...many, wafers: Math.ceil(clustering.clusters * needed.times) };
}
