import { ABOVE_COLORS, BELOW_COLORS } from './palette.js';

/** The colour scale of a score map: five steps up to the threshold, five above it. */
export interface ScoreScale {
  readonly steps: readonly ScoreStep[];
  /** The step of a finite score; scores beyond the ends take the first and the last. */
  stepOf(score: number): number;
}

interface ScoreStep {
  readonly color: string;
  /** Scores above `from` up to `to`; the first and the last step are open outwards. */
  readonly from: number;
  readonly to: number;
}

const STEPS = BELOW_COLORS.length;
/** So many times from one end to the other, and equal steps would show only the outermost scores. */
const WIDE_RANGE = 12;

/**
 * A scale for these scores whose middle is the threshold, so that a colour says on which side a die
 * lies. Its ends are the 2nd and 98th percentile: a single wild score does not bleach the others.
 */
export function scoreScale(scores: readonly number[], threshold: number): ScoreScale {
  const below = scores.filter((score) => score <= threshold).sort((a, b) => a - b);
  const above = scores.filter((score) => score > threshold).sort((a, b) => a - b);
  const reach = Math.abs(threshold) || 1;
  const low = Math.min(quantile(below, 0.02) ?? threshold - reach, threshold - 1e-3 * reach);
  const high = Math.max(quantile(above, 0.98) ?? 2 * threshold - low, threshold + 1e-3 * reach);
  const edges = [...between(low, threshold), ...between(threshold, high).slice(1)];
  const colors = [...BELOW_COLORS, ...ABOVE_COLORS];
  const steps = colors.map((color, i) => ({ color, from: edges[i] ?? low, to: edges[i + 1] ?? high }));
  return {
    steps,
    stepOf(score) {
      const step = steps.findIndex(({ to }) => score <= to);
      return step === -1 ? steps.length - 1 : step;
    },
  };
}

/** STEPS + 1 edges, both ends exact; by equal ratios where the range is wide. */
function between(from: number, to: number): number[] {
  const ratio = from > 0 && to / from > WIDE_RANGE;
  return Array.from({ length: STEPS + 1 }, (_, i) => {
    if (i === 0) return from;
    if (i === STEPS) return to;
    return ratio ? from * (to / from) ** (i / STEPS) : from + ((to - from) * i) / STEPS;
  });
}

function quantile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.round(share * (sorted.length - 1))];
}
