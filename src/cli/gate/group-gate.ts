import { type BoundFinding, type Gate, type GateLimits, holdToBound } from './bounds.js';
import type { GateComparison } from './comparison.js';
import type { GroupComparison } from './groups.js';

const MAX_LISTED_GROUPS = 5;

interface GroupFinding extends BoundFinding {
  readonly of: GroupComparison;
  readonly what: 'accuracy' | 'detection';
  readonly drop: number;
}

/**
 * No group may lose more than its bounds allow. That all keep them is found where each does; that any does not is looked
 * for in all of them, so that each is given its share of the significance (Bonferroni).
 */
export function groupGate({ groups }: Pick<GateComparison, 'groups'>, limits: GateLimits): Gate {
  const all = groups.flatMap((of) => lossesOf(of, limits, limits.significance));
  const strict = groups.flatMap((of) => lossesOf(of, limits, limits.significance / all.length));
  const missed = strict.filter(({ verdict }) => verdict === 'missed');
  const open = all.filter(({ verdict }) => verdict !== 'holds');
  const verdict = missed.length > 0 ? 'missed' : open.length > 0 ? 'open' : 'holds';
  return {
    gate: 'groups',
    verdict,
    measured: missed.length,
    required: 0,
    reason: reasonOf(verdict, missed, open, groups.length),
  };
}

function reasonOf(
  verdict: Gate['verdict'],
  missed: readonly GroupFinding[],
  open: readonly GroupFinding[],
  groups: number,
): string {
  switch (verdict) {
    case 'missed':
      return listed(missed, 'loses');
    case 'open':
      return `${listed(open, 'may lose too much: it loses')}: these dies cannot tell`;
    case 'holds':
      return `none of ${groups} groups is worse`;
  }
}

function listed(findings: readonly GroupFinding[], verb: string): string {
  const some = findings.slice(0, MAX_LISTED_GROUPS).map(({ of, what, drop, interval }) => {
    const most = interval === undefined ? '' : `, at most ${(100 * interval.high).toFixed(2)}`;
    return `${of.by} ${of.group} (${of.dies} dies) ${verb} ${(100 * drop).toFixed(2)} points of ${what}${most}`;
  });
  const more = findings.length - some.length;
  return `${some.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

/** A group without failing dies has no detection to lose. */
function lossesOf(
  of: GroupComparison,
  { maxGroupAccuracyDrop, maxGroupDetectionDrop }: GateLimits,
  significance: number,
): GroupFinding[] {
  const { accuracyDrop, detectionDrop } = of.changes;
  const losses = [
    { what: 'accuracy', figure: accuracyDrop, most: maxGroupAccuracyDrop / 100 },
    { what: 'detection', figure: detectionDrop, most: maxGroupDetectionDrop / 100 },
  ] as const;
  return losses
    .filter(({ figure }) => figure.dies > 0)
    .map(({ what, figure, most }) => ({
      of,
      what,
      drop: figure.value,
      ...holdToBound(figure, { most }, significance),
    }));
}
