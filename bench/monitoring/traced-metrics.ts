import type { RequestListener } from 'node:http';
import { MetricsRenderer } from '../../src/monitoring/metrics/metrics-renderer.js';
import { createRegistry } from '../../src/monitoring/metrics/registry.js';
import { SeriesHistogram } from '../../src/monitoring/metrics/series.js';

export const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

/** Answers every request with a histogram of traced observations, one more each time, as OpenMetrics. */
export function createTracedMetrics(): RequestListener {
  const registry = createRegistry();
  const series = new SeriesHistogram({
    name: 'prediction_latency_seconds',
    help: 'Observations that all belong to a trace',
    labelNames: ['model_name'],
    buckets: [0.001, 0.01],
    registers: [registry],
  }).series({ model_name: 'traced' });
  const renderer = new MetricsRenderer(registry);
  return (_request, response) => {
    series.observeTraced(0.005, TRACE_ID, Date.now());
    void renderer
      .render('openmetrics')
      .then(({ body, contentType }) => response.setHeader('content-type', contentType).end(body));
  };
}
