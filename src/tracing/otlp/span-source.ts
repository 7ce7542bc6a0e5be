import type { HrTime, Tracer } from '@opentelemetry/api';

/** What is needed to make spans of times that have passed. */
export interface SpanSource {
  readonly tracer: Tracer;
  /** The server's monotonic clock, milliseconds. */
  nowMs(): number;
  /** A time of that clock as one since 1970. */
  timeOf(ms: number): HrTime;
}
