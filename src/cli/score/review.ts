import { createRandom } from '../../training/random.js';
import { lastTouchdowns } from './agreement.js';
import type { ScoredLot } from './score-lot.js';
import type { PartOutcome, ScoredPart } from './scored-part.js';

/** A die for an engineer to look at, and why it was chosen. */
export interface ReviewedDie {
  readonly chosen: 'near the threshold' | 'random';
  readonly die: ScoredPart & { readonly outcome: Extract<PartOutcome, { kind: 'scored' }> };
}

/** The same lots and number give the same list. */
const SEED = 'review';

/**
 * Dies to look at: half of them those nearest to the threshold, where the model is least sure, half at random
 * from all others, which shows what it is sure of. Of each die its last touchdown.
 * @param count at most; where fewer are scored, all
 */
export function reviewOf(
  lots: readonly ScoredLot[],
  threshold: number,
  count: number,
): readonly ReviewedDie[] {
  if (count === 0) return [];
  const scored = lots
    .flatMap(({ parts }) => [...lastTouchdowns(parts)])
    .flatMap((die) => (die.outcome.kind === 'scored' ? [{ ...die, outcome: die.outcome }] : []));
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
  return review.map(({ chosen, die: { label, part, outcome } }) => ({
    chosen,
    dieId: label.die_id,
    lotId: label.lot_id ?? null,
    waferId: label.wafer_id ?? null,
    partId: part.partId ?? null,
    x: part.x ?? null,
    y: part.y ?? null,
    site: `${part.headNum}/${part.siteNum}`,
    hardBin: part.hardBin ?? null,
    softBin: part.softBin ?? null,
    tester: part.verdict === 'none' ? null : part.verdict,
    prediction: outcome.prediction,
    confidence: outcome.confidence,
    score: outcome.score,
    explanation: outcome.explanations,
  }));
}
