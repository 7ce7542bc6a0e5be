import { createScreen, type IndexLimits } from './combined-index.js';
import { type ControlLimit, controlLimit, empiricalLimit } from './control-limit.js';
import type { DependencyModel } from './dependency.js';
import type { NormalModel } from './fit.js';
import type { Screen, ScreenKind } from './screen.js';

/** A screen and the limit by which its score is 1. */
interface CalibratedScreen {
  readonly screen: Screen;
  /** Of φ, of the square of the largest residual, or of the larger of both over their own limits. */
  readonly limit: ControlLimit;
}

interface CalibrationDies {
  /** Row numbers of the good dies that `limits` come from. */
  readonly rows: readonly number[];
  /** Share of good dies that may fail. */
  readonly rate: number;
}

/**
 * The screen of the kind asked for, whose threshold of 1 keeps to `rate`. Of a combined one each part gets half of the budget
 * as its own limit, and the larger of both ratios is calibrated once more: a plain maximum would lose to whichever part is
 * noisier.
 * @param limits of φ, from the same dies
 */
export function screenOfKind(
  kind: ScreenKind,
  normal: NormalModel,
  limits: IndexLimits,
  dependency: DependencyModel | undefined,
  { rows, rate }: CalibrationDies,
): CalibratedScreen {
  if (kind === 'process' || dependency === undefined)
    return { screen: createScreen(normal, limits), limit: limits.combined };
  const { weights, unfitted } = dependency;
  if (kind === 'dependency') {
    const limit = controlLimit(Float64Array.from(unfitted.values()), rate);
    const process = createScreen(normal, limits);
    return {
      screen: { ...process, kind, residual: { weights, weight: Math.fround(1 / limit.limit) } },
      limit,
    };
  }
  const residuals = Float64Array.from(unfitted.values());
  const [processLimit, residualLimit] = [limits.index, residuals].map((of) => empiricalLimit(of, rate / 2));
  // Of very many dies the residuals of some only are known.
  const larger = rows.flatMap((row, die) => {
    const residual = unfitted.get(row);
    if (residual === undefined) return [];
    return [Math.max(limits.index[die] / processLimit, residual / residualLimit)];
  });
  const limit = controlLimit(Float64Array.from(larger), rate);
  const combined = { ...limits.combined, limit: processLimit * limit.limit };
  const weight = Math.fround(1 / (residualLimit * limit.limit));
  return {
    screen: { ...createScreen(normal, { ...limits, combined }), kind, residual: { weights, weight } },
    limit,
  };
}
