import type { DieLabel } from '../../die/die.js';
import type { FlagVerdict } from '../../stdf/stdf.js';
import { createRandom } from '../../training/random.js';
import { siteOf } from './groups.js';
import type { ScoredTableRow } from './score-table.js';
import type { PartOutcome, ScoredPart } from './scored-part.js';

/** A scored die of a lot or of a table, by what a person finds it. */
export interface FoundDie {
  readonly label: DieLabel;
  readonly tester: FlagVerdict;
  readonly partId: string | undefined;
  readonly x: number | undefined;
  readonly y: number | undefined;
  /** `1/0` of a lot, what the column says of a table; '' where it says nothing. */
  readonly site: string;
  readonly hardBin: number | undefined;
  readonly softBin: number | undefined;
  readonly outcome: PartOutcome;
}

/** A die for an engineer to look at, and why it was chosen. */
export interface ReviewedDie {
  readonly chosen: 'near the threshold' | 'random';
  readonly die: FoundDie & { readonly outcome: Extract<PartOutcome, { kind: 'scored' }> };
}

export function foundPart(scored: ScoredPart): FoundDie {
  const { label, outcome, part } = scored;
  const { verdict, partId, x, y, hardBin, softBin } = part;
  return { label, outcome, tester: verdict, site: siteOf(scored), partId, x, y, hardBin, softBin };
}

export function foundRow({ label, outcome, part, site, hardBin, softBin }: ScoredTableRow): FoundDie {
  return {
    ...{ label, outcome, hardBin, softBin },
    ...{ tester: part.verdict, partId: undefined },
    ...{ x: label.x ?? undefined, y: label.y ?? undefined },
    site: site ?? '',
  };
}

/** The same lots and number give the same list. */
const SEED = 'review';

/**
 * Dies to look at: half of them those nearest to the threshold, where the model is least sure, half at random
 * from all others, which shows what it is sure of.
 * @param dies of a die that was touched more than once the last touchdown
 * @param count at most; where fewer are scored, all
 */
export function reviewOf(
  dies: readonly FoundDie[],
  threshold: number,
  count: number,
): readonly ReviewedDie[] {
  if (count === 0) return [];
  const scored = dies.flatMap((die) =>
    die.outcome.kind === 'scored' ? [{ ...die, outcome: die.outcome }] : [],
  );
  const distance = (die: ReviewedDie['die']) => Math.abs(die.outcome.score - threshold);
  const byDistance = scored.toSorted((a, b) => distance(a) - distance(b));
  const near = byDistance.slice(0, Math.ceil(count / 2));
  const rest = byDistance.slice(near.length);
  const random = createRandom(SEED);
  const drawn: ReviewedDie['die'][] = [];
  while (drawn.length < count - near.length && rest.length > 0) {
    const [die] = rest.splice(random.below(rest.length), 1);
    if (die !== undefined) drawn.push(die);
  }
  return [
    ...near.map((die) => ({ chosen: 'near the threshold' as const, die })),
    ...drawn.map((die) => ({ chosen: 'random' as const, die })),
  ];
}

/** The list for machines. */
export function reviewAsJson(review: readonly ReviewedDie[]) {
  return review.map(({ chosen, die: { label, outcome, ...die } }) => ({
    chosen,
    dieId: label.die_id,
    lotId: label.lot_id ?? null,
    waferId: label.wafer_id ?? null,
    partId: die.partId ?? null,
    x: die.x ?? null,
    y: die.y ?? null,
    site: die.site === '' ? null : die.site,
    hardBin: die.hardBin ?? null,
    softBin: die.softBin ?? null,
    tester: die.tester === 'none' ? null : die.tester,
    prediction: outcome.prediction,
    confidence: outcome.confidence,
    score: outcome.score,
    explanation: outcome.explanations,
  }));
}
