import { LEAST_CLUSTERS } from '../statistics/design-effect.js';
import { zOf } from '../statistics/proportions.js';
import type { BoundName, Observation } from './bounds.js';
import type { CanaryPlan } from './canary-plan.js';
import type { VersionAccount } from './version-account.js';
import { short } from './wording.js';

/** What a bound of the fail rate takes to be settled, of the version that has fewer dies. */
interface Need {
  readonly dies: number;
  readonly wafers: number;
}

/** What is known of the fails that a bound is to be settled by. */
interface FailFigures {
  /** Fail rate, above 0 and below 1. */
  readonly rate: number;
  /** Variance over that of independent dies. */
  readonly effect: number;
  readonly diesAWafer: number;
  /** Share of the dies that the version with fewer gets, above 0 and below 1. */
  readonly share: number;
}

/**
 * How many dies settle a bound between versions that are equal: until half the interval's width is the bound.
 * The variance of a difference of rates is e·p·(1-p)·(1/n + 1/m), that of the logarithm of their ratio
 * e·(1-p)/p·(1/n + 1/m), with n and m dies as the share splits them.
 *
 * @returns undefined for a bound that no number of dies settles
 */
export function needOf(
  bound: Extract<BoundName, 'fail_rate_difference' | 'fail_rate_ratio'>,
  limit: number,
  { rate, effect, diesAWafer, share }: FailFigures,
  significance: number,
): Need | undefined {
  const reach = bound === 'fail_rate_ratio' ? Math.log(limit) : limit;
  if (reach === 0) return undefined;
  const variance = bound === 'fail_rate_ratio' ? (1 - rate) / rate : rate * (1 - rate);
  const dies = (zOf(significance) ** 2 * effect * variance) / (reach * reach * (1 - share));
  const wafers = Math.max(LEAST_CLUSTERS, Math.ceil(dies / diesAWafer));
  return { dies: Math.ceil(dies), wafers };
}

/** What two versions show of their fails together; undefined while that is not enough for a plan. */
export function failFiguresOf({ baseline, candidate }: Observation): FailFigures | undefined {
  const dies = baseline.dies + candidate.dies;
  return figuresOf([baseline, candidate], Math.min(baseline.dies, candidate.dies) / dies);
}

function figuresOf(accounts: readonly VersionAccount[], share: number): FailFigures | undefined {
  const dies = accounts.reduce((sum, account) => sum + account.dies, 0);
  const units = accounts.reduce((sum, account) => sum + account.units, 0);
  const rate = accounts.reduce((sum, account) => sum + account.fails, 0) / dies;
  const spreads = accounts.map((account) => account.failSpread());
  const isKnown =
    spreads.some(({ clusters, showing }) => clusters >= LEAST_CLUSTERS && showing > 0) &&
    rate > 0 &&
    rate < 1 &&
    share > 0;
  if (!isKnown) return undefined;
  const effect = Math.max(...spreads.map((spread) => spread.effect));
  return { rate, effect, diesAWafer: dies / Math.max(1, units), share };
}

// What came in a shorter time says little of what comes in an hour.
const LEAST_HISTORY_MS = 600_000;

/**
 * What somebody should know before a canary begins, from what its old version has done until now: one
 * sentence each; none where nothing speaks against the plan. That hardly anything is known is one.
 * @param elapsedMs how long the account of the old version has been kept
 */
export function canaryWarnings(plan: CanaryPlan, account: VersionAccount, elapsedMs: number): string[] {
  const { bounds, steps, by, minWafers, dwellMs, patience } = plan;
  // The step before the last is where the verdict falls.
  const percent = steps.at(-2);
  if (percent === undefined) return [];
  if (account.dies === 0 || elapsedMs < LEAST_HISTORY_MS)
    return [
      `version ${plan.from} has been seen for ${Math.floor(elapsedMs / 60_000)} minutes and ${account.dies} dies, expected at least ${LEAST_HISTORY_MS / 60_000} minutes: whether the bounds can be settled in the time given is not known from that`,
    ];
  const share = Math.min(percent, 100 - percent) / 100;
  const warnings: string[] = [];
  const rate = account.fails / account.dies;
  if (rate < bounds.maxFailRateDifference) {
    const rest =
      bounds.maxFailRateRatio === null
        ? 'nothing else watches it, as maxFailRateRatio is null'
        : `only maxFailRateRatio (${bounds.maxFailRateRatio}) tells it from version ${plan.from}`;
    warnings.push(
      `version ${plan.from} fails ${short(100 * rate)}% of its dies, less than maxFailRateDifference (${bounds.maxFailRateDifference}): ` +
        `a version that fails none would keep that bound; ${rest}`,
    );
  }
  const stepMs = dwellMs * (1 + patience);
  const unitsAStep = (account.units / elapsedMs) * stepMs * share;
  const isFixed = by === 'equipment_id';
  const reached = isFixed ? account.units * share : unitsAStep;
  if (reached < minWafers) {
    warnings.push(
      isFixed
        ? `${account.units} equipments were seen, so that about ${short(reached)} get version ${plan.to} at ${percent}%: a step asks for ${minWafers} (minWafers), and pauses; by wafer_id or die_id there are more`
        : `at ${percent}% about ${short(reached)} keys (${by}) reach version ${plan.to} within a step's dwell time and patience, a step asks for ${minWafers} (minWafers)`,
    );
  }
  const figures = figuresOf([account], share);
  if (figures === undefined) return warnings;
  const limits = [
    ['fail_rate_difference', 'maxFailRateDifference', bounds.maxFailRateDifference],
    ['fail_rate_ratio', 'maxFailRateRatio', bounds.maxFailRateRatio],
  ] as const;
  for (const [bound, setting, limit] of limits) {
    const need = limit === null ? undefined : needOf(bound, limit, figures, bounds.significance);
    if (need === undefined || need.wafers <= unitsAStep) continue;
    warnings.push(
      `${setting} (${limit}) takes about ${need.wafers} keys (${by}, ${need.dies} dies) of version ${plan.to} to settle, ` +
        `at ${percent}% about ${short(unitsAStep)} reach it within a step's dwell time and patience: the canary will pause`,
    );
  }
  return warnings;
}
