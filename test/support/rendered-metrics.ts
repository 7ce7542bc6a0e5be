import type { Registry } from 'prom-client';
import { MetricsRenderer } from '../../src/monitoring/metrics/metrics-renderer.js';
import type { MetricsFormat } from '../../src/monitoring/metrics/series.js';

/** What a scrape of the registry reads. */
export async function rendered(registry: Registry, format: MetricsFormat): Promise<string> {
  return (await new MetricsRenderer(registry).render(format)).body.toString();
}
