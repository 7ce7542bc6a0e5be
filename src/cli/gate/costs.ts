/** What a wrong decision costs, in any unit of money. */
export interface Costs {
  /** A die that really fails and is passed. */
  readonly escape: number;
  /** A die that really passes and is failed. */
  readonly overkill: number;
}

/** What a version's wrong decisions cost, and at which threshold they would cost least. */
export interface CostFigures {
  /** Of 1,000 dies like the labelled ones, at the version's own threshold; a die without an answer is decided wrongly. */
  readonly per1000: number;
  /** The threshold at which the labelled dies cost least: half way between two scores of theirs. */
  readonly cheapestThreshold: number;
  /** Of 1,000 dies, at that threshold: of the same dies that chose it, so a little less than others will cost. */
  readonly cheapestPer1000: number;
}

/** A labelled die as a version scores and decides it. */
export interface CostedDie {
  /** Undefined where the version gives none. */
  readonly score: number | undefined;
  readonly fails: boolean | undefined;
  readonly isGood: boolean;
}

/** @param dies at least one */
export function costFigures(dies: readonly CostedDie[], costs: Costs): CostFigures {
  const costOf = ({ isGood }: CostedDie) => (isGood ? costs.overkill : costs.escape);
  const sum = (some: readonly CostedDie[]) => some.reduce((total, die) => total + costOf(die), 0);
  const per1000 = (cost: number) => (1000 * cost) / dies.length;
  const wrong = dies.filter(({ fails, isGood }) => fails === undefined || fails === isGood);
  const { threshold, cost } = cheapest(dies, costs);
  const unanswered = dies.filter(({ score }) => score === undefined);
  return {
    per1000: per1000(sum(wrong)),
    cheapestThreshold: threshold,
    cheapestPer1000: per1000(cost + sum(unanswered)),
  };
}

/** Goes through the scores from below: at each a threshold passes one die more. */
function cheapest(dies: readonly CostedDie[], costs: Costs): { threshold: number; cost: number } {
  const scored = dies.flatMap(({ score, isGood }) => (score === undefined ? [] : [{ score, isGood }]));
  scored.sort((a, b) => a.score - b.score);
  const scores = scored.map(({ score }) => score);
  let cost = scored.filter(({ isGood }) => isGood).length * costs.overkill;
  let best = { threshold: between(undefined, scores[0]), cost };
  scored.forEach(({ score, isGood }, i) => {
    cost += isGood ? -costs.overkill : costs.escape;
    if (scores[i + 1] !== score && cost < best.cost)
      best = { threshold: between(score, scores[i + 1]), cost };
  });
  return best;
}

/** A threshold that passes what scores `last` and fails what scores `next`. */
function between(last: number | undefined, next: number | undefined): number {
  if (last === undefined) return next === undefined ? 0 : next - Math.max(1e-6, Math.abs(next) * 1e-6);
  return next === undefined ? last : last + (next - last) / 2;
}
