import type { RefusalCode } from '../errors.js';
import { parseTraceParent, type TraceParent } from './traceparent.js';

/**
 * What the way of a die knows of tracing: values that are undefined where nothing is recorded. Whoever
 * records and exports spans implements `Tracer`.
 */

/** The trace that a request is a part of. */
export interface RequestTrace {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** Whether anybody keeps the trace: the caller, this server or both. */
  readonly sampled: boolean;
  /** What is recorded of the request; undefined where nothing is. */
  readonly span: RequestSpan | undefined;
}

/** Names a span from another one. */
export interface SpanRef {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

/** The span of one request, from its headers to the end of its answer. */
export interface RequestSpan {
  /** Records a wait in the queue, which has ended, and names its span. */
  waited(wait: Wait): SpanRef;
  /** Links the request to a batch that ran its dies. */
  linkTo(batch: SpanRef): void;
  /** Ends the span now; once. */
  end(ended: EndedRequest): void;
}

/** The time that dies of one call spent in the queue; times are of the server's monotonic clock. */
export interface Wait {
  /** Key of the model version. */
  readonly version: string;
  readonly dies: number;
  readonly lane: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Why no worker took them; undefined where one did. */
  readonly unscored?: string | undefined;
}

/** A request at its beginning. */
export interface BegunRequest {
  readonly requestId: string;
  readonly method: string;
  /** Pattern of the route. */
  readonly route: string;
  readonly path: string;
  readonly scheme: 'http' | 'https';
  /** On the server's monotonic clock. */
  readonly receivedAtMs: number;
  /** The headers `traceparent` and `tracestate`, as they came. */
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
}

/** What became of a request. */
export interface EndedRequest {
  /** Status of the answer; undefined where the client has gone before it was sent. */
  readonly status: number | undefined;
  /** Code of the refusal that it was answered with; empty for none. */
  readonly refusalCode: RefusalCode | '';
  /** What the refusal said; empty for none. */
  readonly refusalDetail: string;
  /** The version that the request was for, where it was found. */
  readonly model: string | undefined;
  readonly version: string | undefined;
  /** Dies of the request, where they were read. */
  readonly dies: number | undefined;
}

/** Begins the spans of requests. */
export interface Tracer {
  /**
   * The trace of a request: the caller's, or where it has none a new one.
   * @returns undefined where the caller has none and the new one is not sampled
   */
  begin(request: BegunRequest): RequestTrace | undefined;
}

/** The trace of a caller, for a request of which nothing is recorded here. */
export function traceOf({ traceId, sampled }: TraceParent): RequestTrace {
  return { traceId, sampled, span: undefined };
}

/** The same from its header; undefined for none. */
export function callersTrace(traceparent: string | undefined): RequestTrace | undefined {
  const parent = traceparent === undefined ? undefined : parseTraceParent(traceparent);
  return parent && traceOf(parent);
}
