import {
  createTraceState,
  type HrTime,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { millisToHrTime } from '@opentelemetry/core';
import { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base';
import {
  createOtlpHttpExportDelegate,
  httpAgentFactoryFromOptions,
} from '@opentelemetry/otlp-exporter-base/node-http';
import { JsonTraceSerializer, TraceExporterMetricsHelper } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  type ReadableSpan,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { BatchingObserver } from '../../serving/batching/batching-observer.js';
import type { Clock } from '../../serving/clock.js';
import { parseTraceParent, type TraceParent } from '../traceparent.js';
import { type BegunRequest, type RequestTrace, type Tracer, traceOf } from '../tracer.js';
import { createBatchSpans } from './batch-spans.js';
import { createBoundedExport, type ExportObserver } from './bounded-export.js';
import { createExportLog, type ExportLogger } from './export-log.js';
import { RecordedRequest } from './request-span.js';
import type { SpanSource } from './span-source.js';

export interface TracingOptions {
  /** Base URL of the collector; spans are POSTed to its /v1/traces. */
  readonly endpoint: string;
  /** Headers of every export, such as a token. */
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  readonly serviceVersion: string;
  /** Share of the requests without a traceparent that begin a trace, 0 to 1. */
  readonly share: number;
  readonly clock: Clock;
  /** Uniform in [0, 1): decides by the share. */
  readonly random: () => number;
  readonly logger: ExportLogger;
  readonly observers: readonly ExportObserver[];
}

/** Tracing that is switched on. */
export interface Tracing {
  readonly tracer: Tracer;
  readonly batching: BatchingObserver;
  /** Exports what has ended, for at most `withinMs`; never rejects. */
  close(withinMs: number): Promise<void>;
}

// About 1.2 KB each: 5 MB while the collector is away.
const MAX_QUEUED_SPANS = 4096;
// Encoded in one turn of the event loop, in which no die is answered: about a millisecond.
const MAX_EXPORTED_SPANS = 128;
const EXPORT_DELAY_MS = 1000;
// Retries included; the processor's own limit is above it, so that it never counts an export twice.
const EXPORT_TIMEOUT_MS = 5000;
const PROCESSOR_TIMEOUT_MS = 7000;
const MAX_LINKS = 1024;
const MAX_ATTRIBUTE_LENGTH = 512;

/**
 * Spans by OpenTelemetry, exported as OTLP over HTTP in JSON. Everything is given here: neither an
 * environment variable nor the global API of OpenTelemetry is read or set.
 */
export function createTracing(options: TracingOptions): Tracing {
  const { clock, observers, logger } = options;
  const nowMs = () => clock.nowMs();
  const bounded = createBoundedExport({
    exporter: exporterTo(options),
    observers: [...observers, createExportLog(logger, nowMs)],
    maxQueuedSpans: MAX_QUEUED_SPANS,
    maxExportedSpans: MAX_EXPORTED_SPANS,
    delayMs: EXPORT_DELAY_MS,
    timeoutMs: PROCESSOR_TIMEOUT_MS,
  });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': options.serviceName,
      'service.version': options.serviceVersion,
    }),
    // What is not sampled never gets here: the SDK makes ids and attributes before it asks its sampler.
    sampler: new AlwaysOnSampler(),
    spanLimits: { linkCountLimit: MAX_LINKS, attributeValueLengthLimit: MAX_ATTRIBUTE_LENGTH },
    spanProcessors: [bounded],
  });
  const source: SpanSource = {
    tracer: provider.getTracer('diegate', options.serviceVersion),
    nowMs,
    timeOf: createWallTime(nowMs, Date.now),
  };
  return {
    tracer: {
      begin(request) {
        const parent = request.traceparent === undefined ? undefined : parseTraceParent(request.traceparent);
        const isSampled = parent?.sampled ?? options.random() < options.share;
        // While the collector takes nothing, no request pays for a span that would be dropped.
        if (isSampled && bounded.claimRoom()) return begin(source, request, parent);
        return parent && traceOf(parent);
      },
    },
    batching: createBatchSpans(source),
    close: (withinMs) =>
      new Promise((resolve) => {
        const takeBack = clock.after(withinMs, resolve);
        const done = () => {
          takeBack();
          resolve();
        };
        provider.shutdown().then(done, done);
      }),
  };
}

function exporterTo({ endpoint, headers, serviceName, serviceVersion }: TracingOptions): SpanExporter {
  return new OTLPExporterBase<ReadableSpan[]>(
    createOtlpHttpExportDelegate(
      {
        url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
        headers: async () => ({ ...headers, 'content-type': 'application/json' }),
        timeoutMillis: EXPORT_TIMEOUT_MS,
        concurrencyLimit: Math.ceil(MAX_QUEUED_SPANS / MAX_EXPORTED_SPANS) + 1,
        compression: 'none',
        agentFactory: httpAgentFactoryFromOptions({ keepAlive: true }),
        userAgent: `${serviceName}/${serviceVersion}`,
      },
      JsonTraceSerializer,
      'otlp_http_json_span_exporter',
      TraceExporterMetricsHelper,
      undefined,
    ),
  );
}

function begin(source: SpanSource, request: BegunRequest, parent: TraceParent | undefined): RequestTrace {
  const { requestId, method, route, path, scheme, receivedAtMs, tracestate } = request;
  const context =
    parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remoteOf(parent, tracestate));
  const attributes = {
    'http.request.method': method,
    'http.route': route,
    'url.path': path,
    'url.scheme': scheme,
    'diegate.request_id': requestId,
  };
  const kind = SpanKind.SERVER;
  const startTime = source.timeOf(receivedAtMs);
  const span = source.tracer.startSpan(`${method} ${route}`, { kind, startTime, attributes }, context);
  return { traceId: span.spanContext().traceId, sampled: true, span: new RecordedRequest(source, span) };
}

function remoteOf({ traceId, spanId, sampled }: TraceParent, tracestate: string | undefined): SpanContext {
  return {
    traceId,
    spanId,
    traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
  };
}

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
