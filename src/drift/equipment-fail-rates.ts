import type { DriftCounts } from './counts.js';

/** Shares of failing dies, 0 to 1. */
export interface EquipmentFailRates {
  /** Of the equipment that fails most. */
  readonly worst: number;
  /** Of all other equipment together. */
  readonly others: number;
}

/**
 * The equipment that fails the largest share of its dies, and the rest.
 * @param equipment what was counted of each
 * @param minimumDies scored dies that the one needs, and the others together
 * @returns undefined where fewer than two can be told apart so
 */
export function worstEquipment(
  equipment: readonly Pick<DriftCounts, 'fails' | 'sampled' | 'unscorable'>[],
  minimumDies: number,
): EquipmentFailRates | undefined {
  const each = equipment.map(({ fails, sampled, unscorable }) => ({ fails, scored: sampled - unscorable }));
  const judged = each.filter(({ scored }) => scored > 0 && scored >= minimumDies);
  const rateOf = ({ fails, scored }: { fails: number; scored: number }) => fails / scored;
  const worst = judged.reduce<(typeof each)[number] | undefined>(
    (most, one) => (most === undefined || rateOf(one) > rateOf(most) ? one : most),
    undefined,
  );
  if (worst === undefined) return undefined;
  const rest = { fails: 0, scored: 0 };
  for (const one of each) {
    if (one === worst) continue;
    rest.fails += one.fails;
    rest.scored += one.scored;
  }
  if (rest.scored < Math.max(1, minimumDies)) return undefined;
  return { worst: rateOf(worst), others: rateOf(rest) };
}
