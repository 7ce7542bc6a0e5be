/** The caller's place in a trace, as its headers say. */
export interface TraceParent {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string;
  /** Span of the caller: 16 lower-case hex digits, not all zero. */
  readonly spanId: string;
  /** Whether the caller keeps its part of the trace. */
  readonly sampled: boolean;
}

// version "-" trace-id "-" parent-id "-" trace-flags, and what a later version may append.
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);
const SAMPLED = 0b1;

/**
 * Reads a `traceparent` header (W3C Trace Context, section 3.2): version 00, and of a later version the
 * part that it has in common with 00.
 * @returns undefined where the header is malformed; the specification asks to go on as if there was none
 */
export function parseTraceParent(header: string): TraceParent | undefined {
  const [, version, traceId = NO_TRACE, spanId = NO_SPAN, flags = '', rest] = TRACEPARENT.exec(header) ?? [];
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}
