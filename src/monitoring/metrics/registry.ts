import { collectDefaultMetrics, Registry } from 'prom-client';

/**
 * Of prom-client's metrics of the process those that mislead: its event-loop lag has the 10 ms of its own
 * timer in every quantile and forgets at each scrape, so that two scrapers take it from each other (ours
 * is event-loop.ts); gauges may not end in `_total`; handles and requests are counted again among the
 * resources.
 */
const UNSOUND = /^nodejs_(eventloop_lag.*|active_(handles|requests).*|active_resources_total)$/;

/** Our own registry with the process's metrics in it; nothing uses prom-client's global one. */
export function createRegistry(): Registry {
  const registry = new Registry();
  const defaults = new Registry();
  collectDefaultMetrics({ register: defaults });
  for (const { name } of defaults.getMetricsAsArray()) {
    const metric = UNSOUND.test(name) ? undefined : defaults.getSingleMetric(name);
    if (metric !== undefined) registry.registerMetric(metric);
  }
  return registry;
}
