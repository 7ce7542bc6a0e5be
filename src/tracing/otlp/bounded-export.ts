import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';

/** Why a span was not exported: there was no room for it, or the collector did not take it. */
const DROP_REASONS = ['queue_full', 'export_failed'] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** Who is told of what becomes of ended spans. */
export interface ExportObserver {
  exported(spans: number): void;
  dropped(reason: DropReason, spans: number): void;
  /** An export failed. */
  failed?(error: Error | undefined): void;
  /** An export succeeded. */
  succeeded?(): void;
}

interface BoundedExportOptions {
  readonly exporter: SpanExporter;
  readonly observers: readonly ExportObserver[];
  /** Most ended spans that wait for the collector. */
  readonly maxQueuedSpans: number;
  /** Most spans in one export; they are encoded in one turn of the event loop. */
  readonly maxExportedSpans: number;
  /** How long a span may wait for others. */
  readonly delayMs: number;
  /** An export that takes longer is given up; above the time-out of the exporter itself. */
  readonly timeoutMs: number;
}

interface BoundedExport extends SpanProcessor {
  /** Whether a span that ended now would be taken; one that would not is counted as dropped. */
  claimRoom(): boolean;
}

/**
 * OpenTelemetry's batching processor with an account of every span: exported, or dropped and why. The
 * processor itself keeps no such account that could be read.
 */
export function createBoundedExport(options: BoundedExportOptions): BoundedExport {
  const { exporter, observers, maxQueuedSpans } = options;
  let queued = 0;
  const settle = (spans: number, { code, error }: ExportResult) => {
    for (const observer of observers) {
      if (code === ExportResultCode.SUCCESS) {
        observer.exported(spans);
        observer.succeeded?.();
      } else {
        observer.dropped('export_failed', spans);
        observer.failed?.(error);
      }
    }
  };
  const processor = new BatchSpanProcessor({
    exporter: {
      export(spans, done) {
        queued -= spans.length;
        exporter.export(spans, (result) => {
          settle(spans.length, result);
          done(result);
        });
      },
      shutdown: () => exporter.shutdown(),
    },
    maxQueueSize: maxQueuedSpans,
    maxExportBatchSize: options.maxExportedSpans,
    scheduledDelayMillis: options.delayMs,
    exportTimeoutMillis: options.timeoutMs,
  });
  const claimRoom = () => {
    if (queued < maxQueuedSpans) return true;
    for (const observer of observers) observer.dropped('queue_full', 1);
    return false;
  };
  return {
    claimRoom,
    onStart: () => {},
    onEnd(span: ReadableSpan) {
      if (!claimRoom()) return;
      queued++;
      processor.onEnd(span);
    },
    forceFlush: () => processor.forceFlush(),
    shutdown: () => processor.shutdown(),
  };
}
