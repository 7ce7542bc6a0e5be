/** A die whose score and true state are known. */
interface ScoredDie {
  readonly score: number;
  readonly passing: boolean;
  readonly defect: string | undefined;
}

/** What a screen does on dies that it has not seen; figures that need dies there are none of are left out. */
export interface ScreenMetrics {
  readonly passingDies: number;
  readonly defectiveDies: number;
  /** Share of the passing dies above the threshold. */
  readonly falseAlarmRate?: number;
  /** Share of the defective dies above the threshold. */
  readonly detectionRate?: number;
  /** Probability that a defective die scores above a passing one (Mann and Whitney). */
  readonly auc?: number;
  readonly detectionRateByDefect: Readonly<Record<string, number>>;
  readonly diesByDefect: Readonly<Record<string, number>>;
}

/** Measures a screen: a die is called defective when its score is above `threshold`. */
export function measureScreen(dies: readonly ScoredDie[], threshold: number): ScreenMetrics {
  const passing = dies.filter((die) => die.passing);
  const defective = dies.filter((die) => !die.passing);
  const modes = [
    ...new Set(defective.flatMap(({ defect }) => (defect === undefined ? [] : [defect]))),
  ].sort();
  const ofMode = (mode: string) => defective.filter(({ defect }) => defect === mode);
  return {
    passingDies: passing.length,
    defectiveDies: defective.length,
    ...(passing.length > 0 && { falseAlarmRate: shareAbove(passing, threshold) }),
    ...(defective.length > 0 && { detectionRate: shareAbove(defective, threshold) }),
    ...(passing.length > 0 && defective.length > 0 && { auc: areaUnderCurve(passing, defective) }),
    detectionRateByDefect: Object.fromEntries(
      modes.map((mode) => [mode, shareAbove(ofMode(mode), threshold)]),
    ),
    diesByDefect: Object.fromEntries(modes.map((mode) => [mode, ofMode(mode).length])),
  };
}

function shareAbove(dies: readonly ScoredDie[], threshold: number): number {
  return dies.filter(({ score }) => score > threshold).length / dies.length;
}

/** From the rank sum of the defective dies; equal scores share their mean rank. */
function areaUnderCurve(passing: readonly ScoredDie[], defective: readonly ScoredDie[]): number {
  const ranked = [...passing, ...defective].sort((a, b) => a.score - b.score);
  let rankSum = 0;
  for (let from = 0; from < ranked.length; ) {
    let to = from;
    while (to < ranked.length && ranked[to].score === ranked[from].score) to += 1;
    const meanRank = (from + 1 + to) / 2;
    rankSum += meanRank * ranked.slice(from, to).filter((die) => !die.passing).length;
    from = to;
  }
  const least = (defective.length * (defective.length + 1)) / 2;
  return (rankSum - least) / (passing.length * defective.length);
}
