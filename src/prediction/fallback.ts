import { Refusal } from '../errors.js';
import type { ModelVersion } from '../models/model-version.js';

/**
 * Why a fallback answered: the version is not loaded, no worker is running, its circuit is open after
 * repeated faults, or it failed on these dies.
 */
export const FALLBACK_REASONS = ['not_loaded', 'workers_down', 'circuit_open', 'failed'] as const;
export type FallbackReason = (typeof FALLBACK_REASONS)[number];

/** What the predictor must know of versions that have a fallback. */
export interface Fallbacks {
  /** Whether a version can be tried now; what came of it must be told where the version is to blame. */
  attempt(version: ModelVersion): Attempt;
  /** The version that answers for one that cannot, where it is loaded and reads the same dies. */
  substitute(version: ModelVersion): ModelVersion | undefined;
}

/** Why a version cannot answer now, or how to tell what became of the attempt. */
export type Attempt =
  | { readonly unable: FallbackReason }
  | { readonly unable: undefined; readonly succeeded: () => void; readonly failed: () => void };

/** Where no version has a fallback. */
export const NO_FALLBACKS: Fallbacks = {
  attempt: () => ({ unable: 'not_loaded' }),
  substitute: () => undefined,
};

/**
 * Whether a refusal means that the version could not answer, and why; undefined for all others: a full
 * queue and a deadline that has passed are no faults of the version, and are refused as they are.
 */
export function failureOf(error: unknown): FallbackReason | undefined {
  if (!(error instanceof Refusal)) return undefined;
  if (error.code === 'inference_failed' || error.code === 'unscorable_die') return 'failed';
  return error.code === 'model_not_ready' ? 'not_loaded' : undefined;
}
