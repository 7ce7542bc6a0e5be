import { effectOf, LEAST_CLUSTERS, type Spread } from './design-effect.js';
import { type Interval, wilson, zOf } from './proportions.js';

/** What may become of a die: kinds of which it is at most one, and how much each counts. */
interface CountedKind {
  /** By how much a die of this kind adds to the figure; not 0. */
  readonly weight: number;
  /** [clusters]: dies of this kind. */
  readonly counts: ArrayLike<number>;
}

/** Dies by cluster, of which some are of kinds that count. */
interface KindsByCluster {
  /** [clusters]: all dies; a cluster may have none. */
  readonly dies: ArrayLike<number>;
  readonly kinds: readonly CountedKind[];
  /** Whether the clusters are whole wafers; else each die stands for itself, and is in any of them. */
  readonly alike: boolean;
}

/** What an interval of a combination of shares rests on. */
export interface CombinedShares {
  /** The sum over the kinds of weight times share. */
  readonly value: number;
  readonly dies: number;
  /** Undefined where dies stand for themselves. */
  readonly spread: Spread | undefined;
  readonly kinds: readonly { readonly weight: number; readonly share: number }[];
}

/** Adds the clusters up. */
export function combineShares({ dies, kinds, alike }: KindsByCluster): CombinedShares {
  const total = sumOf(dies);
  const shares = kinds.map(({ weight, counts }) => ({
    weight,
    share: total === 0 ? 0 : sumOf(counts) / total,
  }));
  const value = shares.reduce((sum, { weight, share }) => sum + weight * share, 0);
  const spread = alike ? spreadOf(dies, kinds, value, varianceOf(shares, value) * total) : undefined;
  return { value, dies: total, spread, kinds: shares };
}

/** Of one die: its expected square less the square of what is expected. */
function varianceOf(shares: CombinedShares['kinds'], value: number): number {
  return shares.reduce((sum, { weight, share }) => sum + weight * weight * share, 0) - value * value;
}

function spreadOf(
  dies: ArrayLike<number>,
  kinds: readonly CountedKind[],
  value: number,
  independent: number,
): Spread {
  let [clusters, total, squares, withSome, withOthers] = [0, 0, 0, 0, 0];
  for (let i = 0; i < dies.length; i++) {
    const here = dies[i] ?? 0;
    if (here === 0) continue;
    clusters++;
    total += here;
    let [found, counted] = [0, 0];
    for (const { weight, counts } of kinds) {
      found += weight * (counts[i] ?? 0);
      counted += counts[i] ?? 0;
    }
    if (counted > 0) withSome++;
    if (counted < here) withOthers++;
    squares += (found - value * here) ** 2;
  }
  const isKnown = clusters >= LEAST_CLUSTERS && independent > 0;
  const effect = isKnown ? Math.max(1, ((clusters / (clusters - 1)) * squares) / independent) : 1;
  const diesACluster = clusters === 0 ? 0 : total / clusters;
  return { clusters, showing: Math.min(withSome, withOthers), diesACluster, effect };
}

/**
 * Confidence interval of a combination of shares whose dies are alike within clusters: Wilson's interval of each share,
 * of as many dies as the design effect of the combination itself leaves, put together by the method of variance
 * estimates recovery with the correlations of a multinomial distribution (Zou, Huang and Zhang 2009).
 *
 * @param significance two-sided
 * @returns undefined without dies, and with fewer than two clusters: nothing is known of how much they differ
 */
export function intervalOfShares(combined: CombinedShares, significance: number): Interval | undefined {
  const { value, dies, spread, kinds } = combined;
  const effect = spread === undefined ? 1 : effectOf([spread], significance);
  if (effect === undefined || dies === 0) return undefined;
  const z = zOf(significance);
  const limits = kinds.map(({ weight, share }) => {
    const interval = wilson((share * dies) / effect, dies / effect, z);
    const [low, high] = [interval?.low ?? share, interval?.high ?? share];
    const [down, up] = [share - low, high - share];
    return {
      share,
      sign: Math.sign(weight),
      down: Math.abs(weight) * (weight > 0 ? down : up),
      up: Math.abs(weight) * (weight > 0 ? up : down),
    };
  });
  const reach = (side: 'down' | 'up') => {
    let squares = 0;
    limits.forEach((one, i) => {
      squares += one[side] ** 2;
      for (const other of limits.slice(0, i)) {
        const correlation = one.sign * other.sign * correlationOf(one.share, other.share);
        squares += 2 * correlation * one[side] * other[side];
      }
    });
    return Math.sqrt(Math.max(0, squares));
  };
  return { value, low: value - reach('down'), high: value + reach('up') };
}

/** Of two shares of the same dies, which exclude each other. */
function correlationOf(a: number, b: number): number {
  const free = (1 - a) * (1 - b);
  return free === 0 ? 0 : -Math.sqrt((a * b) / free);
}

/** So many times the dies, of as many times the clusters, that show the same. */
export function timesAsMany(combined: CombinedShares, times: number): CombinedShares {
  const { spread } = combined;
  return {
    ...combined,
    dies: combined.dies * times,
    spread: spread && {
      ...spread,
      clusters: Math.floor(spread.clusters * times),
      showing: Math.floor(spread.showing * times),
    },
  };
}

function sumOf(counts: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += counts[i] ?? 0;
  return sum;
}
