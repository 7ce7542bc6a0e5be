/** How far a process is that has no place yet. */
export type Progress =
  /** On its way to having every version that is served. */
  | 'coming'
  /** Has every version that is served, and nothing to do. */
  | 'able'
  /** Opens a version that is not served yet, and can do nothing else meanwhile. */
  | 'opening'
  /** Has every version, also those that are to be served. */
  | 'warm';

/** Who is where. */
export interface Standing {
  /** Of each place; `behind` lacks a version that is to be served, and may not open it itself. */
  readonly places: readonly ('empty' | 'behind' | 'served')[];
  /** Processes without a place. */
  readonly reserve: readonly Progress[];
  /** Processes that will be started by themselves, later. */
  readonly due: number;
  /** Processes that are to stand by. */
  readonly standBys: number;
  /** Whether a load needs a process without a place. */
  readonly isLoading: boolean;
}

type Step =
  /** A process takes a place; whoever had it goes to the reserve. */
  | { readonly kind: 'place'; readonly place: number; readonly reserve: number }
  | { readonly kind: 'start' }
  /** A process is let go. */
  | { readonly kind: 'end'; readonly reserve: number };

/**
 * The next thing to be done, if there is any: places are filled first, then those that are behind change hands, and then
 * as many processes are without a place as are wanted. Whoever waits for a place to be filled waits for a process that is coming already; one more
 * at the same time would make both late.
 */
export function nextStep({ places, reserve, due, standBys, isLoading }: Standing): Step | undefined {
  const warm = reserve.indexOf('warm');
  const fit = warm >= 0 ? warm : reserve.indexOf('able');
  const empty = places.indexOf('empty');
  if (empty >= 0 && fit >= 0) return { kind: 'place', place: empty, reserve: fit };
  const behind = places.indexOf('behind');
  if (behind >= 0 && warm >= 0) return { kind: 'place', place: behind, reserve: warm };
  const opening = reserve.filter((progress) => progress === 'opening').length;
  const free = reserve.length - opening;
  if (empty >= 0) {
    const wanted = places.filter((place) => place === 'empty').length;
    return free + due < wanted ? { kind: 'start' } : undefined;
  }
  const beside = (behind >= 0 || isLoading) && opening === 0 ? 1 : 0;
  const wanted = Math.max(beside, standBys - opening);
  if (free + due < wanted) return { kind: 'start' };
  return free > Math.max(0, wanted) ? { kind: 'end', reserve: leastOf(reserve) } : undefined;
}

/** Who is missed least. */
function leastOf(reserve: readonly Progress[]): number {
  const order: readonly Progress[] = ['coming', 'able', 'warm'];
  for (const progress of order) {
    const at = reserve.lastIndexOf(progress);
    if (at >= 0) return at;
  }
  return -1;
}
