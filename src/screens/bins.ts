/** A die of a wafer whose tests are done. */
export interface BinnedDie {
  readonly x: number;
  readonly y: number;
  readonly passing: boolean;
}

/** Why a die that passed all its tests is given up for where it lies. */
export type NeighbourhoodReason = 'bad_neighbourhood' | 'cluster' | 'edge_ring';

/** When neighbours condemn a die. */
interface NeighbourhoodRules {
  /** GDBN: a die is given up when at least so many of its up to 8 tested neighbours failed. */
  readonly failingNeighbours: number;
  /** A cluster is so many failing dies or more that touch each other, corners too; dies that touch one are given up. */
  readonly clusterDies: number;
  /** The outermost die of each row and column is given up on wafers of whose outermost dies more than this share failed; 1: never. */
  readonly edgeFailingShare: number;
}

export const DEFAULT_RULES: NeighbourhoodRules = {
  failingNeighbours: 5,
  clusterDies: 6,
  edgeFailingShare: 0.5,
};

/** What the rules say of one die that passed. */
interface Condemned<Die extends BinnedDie> {
  readonly die: Die;
  /** All that hold, in the order of {@link NeighbourhoodReason}. */
  readonly reasons: readonly NeighbourhoodReason[];
}

/** Steps to the up to eight neighbours. */
const STEPS = [-1, 0, 1].flatMap((dx) =>
  [-1, 0, 1].flatMap((dy) => (dx === 0 && dy === 0 ? [] : [[dx, dy] as const])),
);

/**
 * Passing dies of one wafer in bad neighbourhoods, in the order given. Of dies at one place the last counts, as of a die that
 * was tested again. A place without a die is neither good nor bad.
 */
export function badNeighbourhoods<Die extends BinnedDie>(
  dies: readonly Die[],
  rules: NeighbourhoodRules = DEFAULT_RULES,
): Condemned<Die>[] {
  const places = new Map(dies.map((die) => [placeOf(die.x, die.y), die]));
  const tested = [...places.values()];
  const clustered = clusteredPlaces(places, rules.clusterDies);
  const ring = edgeRing(tested);
  const edgeFails = [...ring].filter((place) => places.get(place)?.passing === false).length;
  const edgeIsBad = ring.size > 0 && edgeFails / ring.size > rules.edgeFailingShare;
  return tested.flatMap((die) => {
    if (!die.passing) return [];
    const around = neighboursOf(die).map((place) => places.get(place));
    const failing = around.filter((other) => other?.passing === false).length;
    const reasons: NeighbourhoodReason[] = [
      ...(failing >= rules.failingNeighbours ? (['bad_neighbourhood'] as const) : []),
      ...(neighboursOf(die).some((place) => clustered.has(place)) ? (['cluster'] as const) : []),
      ...(edgeIsBad && ring.has(placeOf(die.x, die.y)) ? (['edge_ring'] as const) : []),
    ];
    return reasons.length === 0 ? [] : [{ die, reasons }];
  });
}

function placeOf(x: number, y: number): string {
  return `${x},${y}`;
}

function neighboursOf({ x, y }: BinnedDie): string[] {
  return STEPS.map(([dx, dy]) => placeOf(x + dx, y + dy));
}

/** Places of failing dies that touch at least `least` - 1 others, one by the other. */
function clusteredPlaces(places: ReadonlyMap<string, BinnedDie>, least: number): Set<string> {
  const clustered = new Set<string>();
  const seen = new Set<string>();
  for (const [start, die] of places) {
    if (die.passing || seen.has(start)) continue;
    seen.add(start);
    const cluster = [start];
    // Grows while it is gone over.
    for (const place of cluster) {
      const at = places.get(place);
      if (at === undefined) continue;
      for (const next of neighboursOf(at)) {
        if (seen.has(next) || places.get(next)?.passing !== false) continue;
        seen.add(next);
        cluster.push(next);
      }
    }
    if (cluster.length >= least) for (const place of cluster) clustered.add(place);
  }
  return clustered;
}

/** Places of the first and the last die of each row and of each column. */
function edgeRing(dies: readonly BinnedDie[]): Set<string> {
  const ring = new Set<string>();
  for (const [along, across] of [
    ['x', 'y'],
    ['y', 'x'],
  ] as const) {
    const lines = new Map<number, { first: BinnedDie; last: BinnedDie }>();
    for (const die of dies) {
      const line = lines.get(die[across]);
      if (line === undefined) lines.set(die[across], { first: die, last: die });
      else if (die[along] < line.first[along]) line.first = die;
      else if (die[along] > line.last[along]) line.last = die;
    }
    for (const { first, last } of lines.values())
      for (const { x, y } of [first, last]) ring.add(placeOf(x, y));
  }
  return ring;
}
