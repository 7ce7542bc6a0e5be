import { type CombinedShares, combineShares } from '../../statistics/combined-shares.js';
import type { Costs } from './costs.js';
import type { GateDecision } from './figures.js';

/** What two versions made of the same dies. */
export interface JudgedDies {
  /** [dies] */
  readonly before: readonly GateDecision[];
  /** [dies] */
  readonly after: readonly GateDecision[];
  /** [dies]: 1 for a die that is really good. */
  readonly passing: Uint8Array;
  /** [dies]: the wafer of each die, whose dies are alike; undefined where each die stands for itself. */
  readonly wafers: readonly string[] | undefined;
}

/** What a candidate changes, die by die of the same dies, each with what its interval needs. */
export interface Changes {
  /** Share of all dies that only the baseline decides rightly less that of those that only the candidate does. */
  readonly accuracyDrop: CombinedShares;
  /** The same of the dies that really fail. */
  readonly detectionDrop: CombinedShares;
  /** Share of the good dies that only the candidate fails less that of those that only the baseline fails. */
  readonly falseAlarmRise: CombinedShares;
  /** The candidate alone: shares of all, failing and good dies. */
  readonly accuracy: CombinedShares;
  readonly detection: CombinedShares;
  readonly falseAlarms: CombinedShares;
}

/**
 * Compares two versions on the same dies: dies that both decide alike say nothing, the others (discordant dies, McNemar
 * 1947) are counted by wafer.
 */
export function compareDecisions(judged: JudgedDies): Changes {
  const { before, after, passing } = judged;
  const clusters = clustersOf(judged);
  const isGood = (die: number) => passing[die] === 1;
  const isRight = (decision: GateDecision, die: number) =>
    decision !== undefined && (decision === 'pass') === isGood(die);
  const isLost = (die: number) => isRight(before[die], die) && !isRight(after[die], die);
  const isWon = (die: number) => !isRight(before[die], die) && isRight(after[die], die);
  const all = () => true;
  const isBad = (die: number) => !isGood(die);
  const change = (of: Those, worse: Those, better: Those) =>
    clusters.combined(of, [
      [1, worse],
      [-1, better],
    ]);
  const fails = (decisions: readonly GateDecision[]) => (die: number) => decisions[die] === 'fail';
  const [failedBefore, failsAfter] = [fails(before), fails(after)];
  return {
    accuracyDrop: change(all, isLost, isWon),
    detectionDrop: change(
      isBad,
      (die) => failedBefore(die) && !failsAfter(die),
      (die) => !failedBefore(die) && failsAfter(die),
    ),
    falseAlarmRise: change(
      isGood,
      (die) => failsAfter(die) && !failedBefore(die),
      (die) => failedBefore(die) && !failsAfter(die),
    ),
    accuracy: clusters.combined(all, [[1, (die) => isRight(after[die], die)]]),
    detection: clusters.combined(isBad, [[1, failsAfter]]),
    falseAlarms: clusters.combined(isGood, [[1, failsAfter]]),
  };
}

/** What wrong decisions of the candidate cost a die more than those of the baseline, on average. */
export function compareCosts(judged: JudgedDies, costs: Costs): CombinedShares {
  const { before, after, passing } = judged;
  const isWrong = (decision: GateDecision, good: boolean) =>
    decision === undefined || (decision === 'pass') !== good;
  const is = (good: boolean, wrongBefore: boolean, wrongAfter: boolean) => (die: number) =>
    (passing[die] === 1) === good &&
    isWrong(before[die], good) === wrongBefore &&
    isWrong(after[die], good) === wrongAfter;
  const kinds: [number, Those][] = [
    [costs.escape, is(false, false, true)],
    [-costs.escape, is(false, true, false)],
    [costs.overkill, is(true, false, true)],
    [-costs.overkill, is(true, true, false)],
  ];
  return clustersOf(judged).combined(
    () => true,
    kinds.filter(([weight]) => weight !== 0),
  );
}

type Those = (die: number) => boolean;

function clustersOf({ passing, wafers }: JudgedDies) {
  const at = new Map<string, number>();
  const clusterOf = (wafers ?? []).map((wafer) => {
    const found = at.get(wafer) ?? at.size;
    at.set(wafer, found);
    return found;
  });
  const count = (those: Those) => {
    const counts = new Float64Array(Math.max(1, at.size));
    for (let die = 0; die < passing.length; die++) if (those(die)) counts[clusterOf[die] ?? 0]++;
    return counts;
  };
  return {
    /** @param kinds weights of the dies that count; a die is of one kind at most, and one of `of` */
    combined: (of: Those, kinds: readonly (readonly [weight: number, those: Those])[]) =>
      combineShares({
        dies: count(of),
        kinds: kinds.map(([weight, those]) => ({ weight, counts: count((die) => of(die) && those(die)) })),
        alike: wafers !== undefined,
      }),
  };
}
