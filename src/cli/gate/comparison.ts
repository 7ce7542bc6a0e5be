import type { Decision } from '../../die/prediction.js';
import type { Quantiles } from '../../replay/latencies.js';

/** A version's decision for a die; undefined where it gave none that could be answered. */
export type GateDecision = Decision | undefined;

/** How one version did on the labelled dies. */
export interface VersionFigures {
  /** Dies that it decided as their label says. */
  readonly correct: number;
  /** Share of all dies, 0 to 1; a die without an answer counts as wrong. */
  readonly accuracy: number;
  /** Of the dies that really fail, the share that it fails. */
  readonly detectionRate: number;
  /** Of the dies that really pass, the share that it fails. */
  readonly falseAlarmRate: number;
  /** Dies that the model could not be run on, or to which it gave a score that is not finite. */
  readonly unanswered: number;
}

/** @param passing [dies]: 1 for a die that is really good; both kinds are there */
export function figuresOf(decisions: readonly GateDecision[], passing: Uint8Array): VersionFigures {
  let [correct, caught, alarms, unanswered, good] = [0, 0, 0, 0, 0];
  decisions.forEach((decision, die) => {
    const isGood = passing[die] === 1;
    if (isGood) good++;
    if (decision === undefined) unanswered++;
    else if ((decision === 'pass') === isGood) correct++;
    if (decision === 'fail') isGood ? alarms++ : caught++;
  });
  const dies = decisions.length;
  return {
    correct,
    accuracy: correct / dies,
    detectionRate: caught / (dies - good),
    falseAlarmRate: alarms / good,
    unanswered,
  };
}

/** Share of the dies that both versions decide the same way; one without an answer agrees with nobody. */
export function agreementOf(baseline: readonly GateDecision[], candidate: readonly GateDecision[]): number {
  const same = baseline.filter((decision, die) => decision !== undefined && decision === candidate[die]);
  return same.length / baseline.length;
}

/** Everything that the gates look at, and what a person wants to see beside it. */
export interface Comparison {
  readonly dies: number;
  readonly failingDies: number;
  readonly agreement: number;
  readonly baseline: ComparedVersion;
  readonly candidate: ComparedVersion;
}

export interface ComparedVersion extends VersionFigures {
  /** `name/version`. */
  readonly model: string;
  /** Of single-die calls, milliseconds. */
  readonly latencyMs: Quantiles;
}

export interface GateLimits {
  /** Points (hundredths) of accuracy that the candidate may lose. */
  readonly maxAccuracyDrop: number;
  readonly maxP99Ms: number;
  readonly minSamples: number;
}

/** One quality gate: what was required, what was found, and in a sentence why it holds or not. */
export interface Gate {
  readonly gate: 'accuracy' | 'latency' | 'samples';
  readonly holds: boolean;
  readonly measured: number;
  readonly required: number;
  readonly reason: string;
}

// Points are computed from counts of dies: what is equal on paper must not fail in the sixteenth digit.
const ROUNDING = 1e-9;

/** Holds a comparison against the limits. */
export function gatesOf(comparison: Comparison, limits: GateLimits): Gate[] {
  const { baseline, candidate, dies } = comparison;
  const drop = (100 * (baseline.correct - candidate.correct)) / dies;
  const { p99 } = candidate.latencyMs;
  return [
    {
      gate: 'accuracy',
      holds: drop <= limits.maxAccuracyDrop + ROUNDING,
      measured: drop,
      required: limits.maxAccuracyDrop,
      reason: `${candidate.model} decides ${points(candidate.accuracy)} of the dies rightly, ${baseline.model} ${points(baseline.accuracy)}: ${changeText(drop)}, allowed is a drop of ${limits.maxAccuracyDrop}`,
    },
    {
      gate: 'latency',
      holds: p99 <= limits.maxP99Ms,
      measured: p99,
      required: limits.maxP99Ms,
      reason: `${candidate.model} answers 99% of single dies within ${p99.toFixed(3)} ms, allowed are ${limits.maxP99Ms} ms`,
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

function changeText(drop: number): string {
  if (drop === 0) return 'no change';
  return drop > 0 ? `a drop of ${drop.toFixed(2)} points` : `a gain of ${(-drop).toFixed(2)} points`;
}

/** A share as a percentage with the two digits that points are told in. */
function points(share: number): string {
  return `${(100 * share).toFixed(2)}%`;
}

/** What `gate` prints for people. */
export function describeComparison(comparison: Comparison, gates: readonly Gate[]): string {
  const { dies, failingDies, agreement, baseline, candidate } = comparison;
  const row = (name: string, text: (version: ComparedVersion) => string) =>
    `  ${name.padEnd(20)}${text(baseline).padStart(18)}${text(candidate).padStart(18)}`;
  const lines = [
    `${dies} labelled dies, ${failingDies} of them fail`,
    row('', ({ model }) => model),
    row('accuracy', ({ accuracy }) => points(accuracy)),
    row('detection', ({ detectionRate }) => points(detectionRate)),
    row('false alarms', ({ falseAlarmRate }) => points(falseAlarmRate)),
    row('without an answer', ({ unanswered }) => String(unanswered)),
    row('p50 of one die, ms', ({ latencyMs }) => latencyMs.p50.toFixed(3)),
    row('p99 of one die, ms', ({ latencyMs }) => latencyMs.p99.toFixed(3)),
    `  the versions agree on ${points(agreement)} of the dies`,
    ...gates.map(({ gate, holds, reason }) => `${holds ? 'holds ' : 'MISSED'} ${gate.padEnd(9)}${reason}`),
  ];
  return `${lines.join('\n')}\n`;
}
