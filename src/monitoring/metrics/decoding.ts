import type { Registry } from 'prom-client';
import { SeriesHistogram } from './series.js';

const DECODE_BUCKETS_S = [
  0.000_01, 0.000_025, 0.000_05, 0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
];

/** Metrics of reading dies: bytes to float32. */
export function createDecodingMetrics(registry: Registry): (format: 'json' | 'binary', ms: number) => void {
  const duration = new SeriesHistogram({
    name: 'decode_duration_seconds',
    help: 'Time from the bytes of a whole request to its measurements, of requests that were accepted',
    labelNames: ['format'],
    buckets: DECODE_BUCKETS_S,
    registers: [registry],
  });
  const series = { json: duration.series({ format: 'json' }), binary: duration.series({ format: 'binary' }) };
  return (format, ms) => series[format].observe(ms / 1000);
}
