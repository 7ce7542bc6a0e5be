import type { Decision } from '../../die/prediction.js';

/** A version's decision for a die; undefined where it gave none that could be answered. */
export type GateDecision = Decision | undefined;

/** How one version did on the labelled dies. */
export interface VersionFigures {
  /** Dies that it decided as their label says. */
  readonly correct: number;
  /** Share of all dies, 0 to 1; a die without an answer counts as wrong. */
  readonly accuracy: number;
  /** Of the dies that really fail, the share that it fails; 0 where there are none. */
  readonly detectionRate: number;
  /** Of the dies that really pass, the share that it fails; 0 where there are none. */
  readonly falseAlarmRate: number;
  /** Dies that the model could not be run on, or to which it gave a score that is not finite. */
  readonly unanswered: number;
}

/** @param passing [dies]: 1 for a die that is really good */
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
  const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
  return {
    correct,
    accuracy: share(correct, dies),
    detectionRate: share(caught, dies - good),
    falseAlarmRate: share(alarms, good),
    unanswered,
  };
}

/** Share of the dies that both versions decide the same way; one without an answer agrees with nobody. */
export function decisionAgreement(
  baseline: readonly GateDecision[],
  candidate: readonly GateDecision[],
): number {
  const same = baseline.filter((decision, die) => decision !== undefined && decision === candidate[die]);
  return same.length / baseline.length;
}

/** What is alike among the labelled dies, as far as the data says. */
export interface Clustering {
  readonly by: 'wafer' | 'die';
  /** How many of them there are. */
  readonly clusters: number;
}
