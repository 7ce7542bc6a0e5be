import type { Quantiles } from '../../replay/latencies.js';
import type { CostFigures } from './costs.js';
import type { VersionFigures } from './figures.js';
import type { GroupComparison } from './groups.js';

/** Everything that the gates look at, and what a person wants to see beside it. */
export interface Comparison {
  readonly dies: number;
  readonly failingDies: number;
  readonly agreement: number;
  readonly baseline: ComparedVersion;
  readonly candidate: ComparedVersion;
  /** Of each group of dies, where it was asked for. */
  readonly groups: readonly GroupComparison[];
}

export interface ComparedVersion extends VersionFigures {
  /** `name/version`. */
  readonly model: string;
  /** Of single-die calls, milliseconds. */
  readonly latencyMs: Quantiles;
  /** Undefined where nobody said what a wrong decision costs. */
  readonly cost: CostFigures | undefined;
}

/** Shares in percent, drops in points (hundredths). */
export interface GateLimits {
  readonly maxAccuracyDrop: number;
  readonly minAccuracy: number;
  readonly maxDetectionDrop: number;
  readonly minDetection: number;
  readonly maxFalseAlarms: number;
  readonly maxP99Ms: number;
  readonly minSamples: number;
}

/** One quality gate: what was required, what was found, and in a sentence why it holds or not. */
export interface Gate {
  readonly gate:
    | 'accuracy'
    | 'least accuracy'
    | 'detection'
    | 'least detection'
    | 'false alarms'
    | 'groups'
    | 'cost'
    | 'latency'
    | 'samples';
  readonly holds: boolean;
  readonly measured: number;
  readonly required: number;
  readonly reason: string;
}

// Points are computed from counts of dies: what is equal on paper must not fail in the sixteenth digit.
const ROUNDING = 1e-9;
/** Groups are many: one is worse only where chance would say so once in a hundred times. */
const GROUP_CHANCE = 0.01;
const MAX_LISTED_GROUPS = 5;

/** Holds a comparison against the limits. */
export function gatesOf(comparison: Comparison, limits: GateLimits): Gate[] {
  const { dies, candidate, groups } = comparison;
  return [
    ...accuracyGates(comparison, limits),
    ...detectionGates(comparison, limits),
    atMost('false alarms', 100 * candidate.falseAlarmRate, limits.maxFalseAlarms, (found, allowed) => {
      return `${candidate.model} fails ${found}% of the good dies, allowed are ${allowed}%`;
    }),
    ...(groups.length === 0 ? [] : [groupGate(groups, limits)]),
    ...costGates(comparison),
    {
      gate: 'latency',
      holds: candidate.latencyMs.p99 <= limits.maxP99Ms,
      measured: candidate.latencyMs.p99,
      required: limits.maxP99Ms,
      reason: `${candidate.model} answers 99% of single dies within ${candidate.latencyMs.p99.toFixed(3)} ms, allowed are ${limits.maxP99Ms} ms`,
    },
    {
      gate: 'samples',
      holds: dies >= limits.minSamples,
      measured: dies,
      required: limits.minSamples,
      reason: `the labelled set has ${dies} dies, required are at least ${limits.minSamples}`,
    },
  ];
}

function accuracyGates({ baseline, candidate, dies }: Comparison, limits: GateLimits): Gate[] {
  const drop = (100 * (baseline.correct - candidate.correct)) / dies;
  return [
    atMost('accuracy', drop, limits.maxAccuracyDrop, (_, required) => {
      return `${candidate.model} decides ${points(candidate.accuracy)} of the dies rightly, ${baseline.model} ${points(baseline.accuracy)}: ${changeText(drop)}, allowed is a drop of ${required}`;
    }),
    atLeast('least accuracy', 100 * candidate.accuracy, limits.minAccuracy, (found, required) => {
      return `${candidate.model} decides ${found}% of the dies rightly, required are at least ${required}%`;
    }),
  ];
}

function detectionGates({ baseline, candidate }: Comparison, limits: GateLimits): Gate[] {
  const drop = 100 * (baseline.detectionRate - candidate.detectionRate);
  return [
    atMost('detection', drop, limits.maxDetectionDrop, (_, required) => {
      return `${candidate.model} catches ${points(candidate.detectionRate)} of the bad dies, ${baseline.model} ${points(baseline.detectionRate)}: ${changeText(drop)}, allowed is a drop of ${required}`;
    }),
    atLeast('least detection', 100 * candidate.detectionRate, limits.minDetection, (found, required) => {
      return `${candidate.model} catches ${found}% of the bad dies, required are at least ${required}%`;
    }),
  ];
}

/** No group may lose more than all dies together may, beyond what chance explains. */
function groupGate(groups: readonly GroupComparison[], limits: GateLimits): Gate {
  const worse = groups.flatMap((one) => {
    const drops = [
      ['accuracy', one.baseline.accuracy - one.candidate.accuracy, limits.maxAccuracyDrop],
      ['detection', one.baseline.detectionRate - one.candidate.detectionRate, limits.maxDetectionDrop],
    ] as const;
    return drops.flatMap(([what, drop, allowed]) =>
      100 * drop > allowed + ROUNDING && one.chance[what] < GROUP_CHANCE
        ? [`${one.by} ${one.group} (${one.dies} dies) loses ${(100 * drop).toFixed(2)} points of ${what}`]
        : [],
    );
  });
  const listed = worse.slice(0, MAX_LISTED_GROUPS).join('; ');
  const more = worse.length > MAX_LISTED_GROUPS ? `; and ${worse.length - MAX_LISTED_GROUPS} more` : '';
  return {
    gate: 'groups',
    holds: worse.length === 0,
    measured: worse.length,
    required: 0,
    reason: worse.length === 0 ? `none of ${groups.length} groups is worse` : `${listed}${more}`,
  };
}

function costGates({ baseline, candidate }: Comparison): Gate[] {
  if (baseline.cost === undefined || candidate.cost === undefined) return [];
  const [before, after] = [baseline.cost.per1000, candidate.cost.per1000];
  return [
    {
      gate: 'cost',
      holds: after <= before * (1 + ROUNDING),
      measured: after,
      required: before,
      reason: `the wrong decisions of 1,000 dies cost ${money(after)} with ${candidate.model}, ${money(before)} with ${baseline.model}`,
    },
  ];
}

type Worded = (found: string, bound: number) => string;

function atLeast(gate: Gate['gate'], measured: number, required: number, reason: Worded): Gate {
  const holds = measured >= required - ROUNDING;
  return { gate, holds, measured, required, reason: reason(measured.toFixed(2), required) };
}

function atMost(gate: Gate['gate'], measured: number, required: number, reason: Worded): Gate {
  const holds = measured <= required + ROUNDING;
  return { gate, holds, measured, required, reason: reason(measured.toFixed(2), required) };
}

function changeText(drop: number): string {
  if (drop === 0) return 'no change';
  return drop > 0 ? `a drop of ${drop.toFixed(2)} points` : `a gain of ${(-drop).toFixed(2)} points`;
}

/** A share as a percentage with the two digits that points are told in. */
function points(share: number): string {
  return `${(100 * share).toFixed(2)}%`;
}

function money(amount: number): string {
  return amount.toFixed(2);
}

/** What `gate` prints for people. */
export function describeComparison(comparison: Comparison, gates: readonly Gate[]): string {
  const { dies, failingDies, agreement, baseline, candidate } = comparison;
  const row = (name: string, text: (version: ComparedVersion) => string) =>
    `  ${name.padEnd(24)}${text(baseline).padStart(18)}${text(candidate).padStart(18)}`;
  const costRows: [string, (cost: CostFigures) => string][] = [
    ['cost of 1,000 dies', ({ per1000 }) => money(per1000)],
    ['threshold of least cost', ({ cheapestThreshold }) => cheapestThreshold.toPrecision(5)],
    ['cost of 1,000 there', ({ cheapestPer1000 }) => money(cheapestPer1000)],
  ];
  const lines = [
    `${dies} labelled dies, ${failingDies} of them fail`,
    row('', ({ model }) => model),
    row('accuracy', ({ accuracy }) => points(accuracy)),
    row('detection', ({ detectionRate }) => points(detectionRate)),
    row('false alarms', ({ falseAlarmRate }) => points(falseAlarmRate)),
    row('without an answer', ({ unanswered }) => String(unanswered)),
    row('p50 of one die, ms', ({ latencyMs }) => latencyMs.p50.toFixed(3)),
    row('p99 of one die, ms', ({ latencyMs }) => latencyMs.p99.toFixed(3)),
    ...costRows.flatMap(([name, text]) =>
      candidate.cost === undefined ? [] : [row(name, ({ cost }) => (cost === undefined ? '' : text(cost)))],
    ),
    `  the versions agree on ${points(agreement)} of the dies`,
    ...gates.map(({ gate, holds, reason }) => `${holds ? 'holds ' : 'MISSED'} ${gate.padEnd(16)}${reason}`),
  ];
  return `${lines.join('\n')}\n`;
}
