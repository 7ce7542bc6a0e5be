/** When to post the same dies again, and when to give up. */
export interface RetryPolicy {
  /** Wait before the first repetition, in milliseconds, doubled with each further one. */
  readonly baseMs: number;
  /** Longest wait that is not asked for by the server, in milliseconds. */
  readonly maxMs: number;
  /** How long after its first attempt a die may still be posted again, in milliseconds. */
  readonly patienceMs: number;
}

export const DEFAULT_BACK_OFF = { baseMs: 50, maxMs: 5000 } as const;

/** What a retry is decided on. */
interface FailedAttempt {
  /** Attempts made so far, at least 1. */
  readonly attempts: number;
  /** Milliseconds since the first attempt began. */
  readonly elapsedMs: number;
  /** What the server asked for in `retry-after`, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/**
 * Milliseconds until the dies are to be posted again, or undefined to give up because that would be
 * beyond the policy's patience. Exponential back-off, of which the upper half is left to chance; where
 * the server names a time it is kept, and the back-off only spreads the callers after it.
 *
 * @param random uniform in [0, 1)
 */
export function retryDelayMs(
  { baseMs, maxMs, patienceMs }: RetryPolicy,
  { attempts, elapsedMs, retryAfterMs }: FailedAttempt,
  random: number,
): number | undefined {
  const backOffMs = Math.min(maxMs, baseMs * 2 ** Math.min(attempts - 1, 30));
  const delayMs =
    retryAfterMs === undefined
      ? (backOffMs / 2) * (1 + random)
      : retryAfterMs + Math.min(backOffMs, Math.max(baseMs, retryAfterMs)) * random;
  return elapsedMs + delayMs > patienceMs ? undefined : delayMs;
}

/**
 * What a `retry-after` header asks for, in milliseconds from now: whole seconds or an HTTP date
 * (RFC 9110 10.2.3). Undefined where there is none, or none that can be read.
 *
 * @param epochMs the time of day, for dates
 */
export function readRetryAfterMs(header: string | undefined, epochMs: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // Date.parse takes more than HTTP dates, numbers with a sign among it: only a weekday begins one.
  const at = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - epochMs);
}
