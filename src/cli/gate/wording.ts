import type { Interval } from '../../statistics/proportions.js';
import type { BoundFinding } from './bounds.js';
import type { Clustering } from './figures.js';

/** A change of a share in points, as people say it. */
export function changeText(change: number, [more, less]: readonly [more: string, less: string]): string {
  const points = 100 * change;
  if (points === 0) return 'no change';
  return points > 0
    ? `a ${more} of ${points.toFixed(2)} points`
    : `a ${less} of ${(-points).toFixed(2)} points`;
}

/** A share as a percentage with the two digits that points are told in. */
export function percentText(share: number): string {
  return `${(100 * share).toFixed(2)}%`;
}

/** @param unit what the interval is told in: 100 for points */
export function rangeText({ low, high }: Interval, significance: number, unit: number): string {
  const confidence = Number((100 * (1 - significance)).toPrecision(4));
  return `(${confidence}% interval ${(unit * low).toFixed(2)} to ${(unit * high).toFixed(2)})`;
}

export function money(amount: number): string {
  return amount.toFixed(2);
}

/** Why an open gate is open, and what would settle it. */
export function needText(
  { clustering }: { readonly clustering: Clustering },
  { interval }: BoundFinding,
  needed: { readonly dies: number; readonly wafers?: number } | undefined,
): string {
  const { clusters } = clustering;
  if (interval === undefined)
    return clusters < 2
      ? 'dies of one wafer tell nothing of others, expected at least 2'
      : 'too few wafers have such dies, expected at least 2';
  if (needed === undefined) return 'these dies cannot tell, nor would ten thousand times as many like them';
  const of = needed.wafers === undefined ? '' : ` of ${needed.wafers} wafers`;
  return `these dies cannot tell, about ${needed.dies.toLocaleString('en-US')}${of} would`;
}

/** Of what the intervals take dies to be. */
export function clusteringText({ by, clusters }: Clustering): string {
  return by === 'wafer'
    ? `intervals by wafer (${clusters})`
    : 'the data names no wafers: the intervals take dies as independent, which dies of one wafer are not, and are too narrow where it holds several of one';
}
