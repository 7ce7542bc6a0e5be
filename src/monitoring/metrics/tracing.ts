import type { Registry } from 'prom-client';
import type { DropReason, ExportObserver } from '../../tracing/otlp/bounded-export.js';
import { remember, SeriesCounter } from './series.js';

/** Metrics of the spans that are exported; they exist only where tracing is on. */
export function createTracingMetrics(registry: Registry): ExportObserver {
  const registers = [registry];
  const exported = new SeriesCounter({
    name: 'trace_spans_exported_total',
    help: 'Spans that the collector has taken',
    labelNames: [],
    registers,
  }).series({});
  const dropped = new SeriesCounter({
    name: 'trace_spans_dropped_total',
    help: 'Spans lost: no room for them, or for all of a request, or the collector did not take them',
    labelNames: ['reason'],
    registers,
  });
  const droppedOf = remember((reason: DropReason) => dropped.series({ reason }));
  droppedOf('queue_full');
  droppedOf('export_failed');
  return {
    exported: (spans) => exported.add(spans),
    dropped: (reason, spans) => droppedOf(reason).add(spans),
  };
}
