import { badNeighbourhoods, type NeighbourhoodReason } from '../../screens/bins.js';
import { lastTouchdowns } from './agreement.js';
import type { ScoredLot } from './score-lot.js';
import type { ScoredPart } from './scored-part.js';

/** A die that the tester passed, among dies that it failed. */
interface NeighbourhoodDie {
  readonly dieId: string;
  readonly wafer: string | undefined;
  readonly x: number;
  readonly y: number;
  readonly reasons: readonly NeighbourhoodReason[];
}

/**
 * Dies of whole wafers that passed in bad neighbourhoods, by the tester's verdicts on last touchdowns. Empty where no coordinates
 * say which dies are neighbours, or parts are of no wafer.
 */
export function neighbourhoodDies({
  parts,
  hasPlaces,
}: Pick<ScoredLot, 'parts' | 'hasPlaces'>): NeighbourhoodDie[] {
  if (!hasPlaces) return [];
  const wafers = new Map<string, { x: number; y: number; passing: boolean; part: ScoredPart }[]>();
  for (const part of lastTouchdowns(parts)) {
    const { x, y, verdict } = part.part;
    const wafer = part.label.wafer_id ?? undefined;
    if (x === undefined || y === undefined || wafer === undefined || verdict === 'none') continue;
    const dies = wafers.get(wafer);
    const die = { x, y, passing: verdict === 'pass', part };
    if (dies === undefined) wafers.set(wafer, [die]);
    else dies.push(die);
  }
  return [...wafers].flatMap(([wafer, dies]) =>
    badNeighbourhoods(dies).map(({ die: { x, y, part }, reasons }) => ({
      ...{ dieId: part.label.die_id, wafer, x, y, reasons },
    })),
  );
}

const REASON_WORDS = {
  bad_neighbourhood: 'most neighbours failed (GDBN)',
  cluster: 'beside a cluster of fails',
  edge_ring: 'in an edge ring that mostly failed',
} as const satisfies Record<NeighbourhoodReason, string>;

export function reasonText(reasons: readonly NeighbourhoodReason[]): string {
  return reasons.map((reason) => REASON_WORDS[reason]).join(', ');
}

/** What the reader of the figures has to know, nothing where there are none. */
export function neighbourhoodNotes(dies: readonly NeighbourhoodDie[]): string[] {
  if (dies.length === 0) return [];
  const counts = Object.entries(REASON_WORDS).flatMap(([reason, words]) => {
    const count = dies.filter(({ reasons }) => reasons.some((each) => each === reason)).length;
    return count === 0 ? [] : [`${count} ${words}`];
  });
  return [`${dies.length} dies that the tester passed lie in bad neighbourhoods: ${counts.join('; ')}`];
}
