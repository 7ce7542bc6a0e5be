import type { HrTime } from '@opentelemetry/api';
import { millisToHrTime } from '@opentelemetry/core';

// Date.now() has whole milliseconds: less than this is its rounding, more is a clock that was set.
const SET_BEYOND_MS = 5;

/**
 * Times of a monotonic clock as times since 1970. All spans are placed by one offset, so that a child lies
 * within its parent to the microsecond; it moves only when the machine's clock was set.
 * @param nowMs the monotonic clock, milliseconds
 * @param epochMs milliseconds since 1970
 */
export function createWallTime(nowMs: () => number, epochMs: () => number): (ms: number) => HrTime {
  let offsetMs = epochMs() - nowMs();
  return (ms) => {
    const measuredMs = epochMs() - nowMs();
    if (Math.abs(measuredMs - offsetMs) > SET_BEYOND_MS) offsetMs = measuredMs;
    return millisToHrTime(offsetMs + ms);
  };
}
