import { collectDefaultMetrics, Registry } from 'prom-client';

/**
 * Of prom-client's metrics of the process those that mislead: its event-loop lag has the 10 ms of its own
 * timer in every quantile and forgets at each scrape, so that two scrapers take it from each other (ours
 * is event-loop.ts); gauges may not end in `_total`; handles and requests are counted again among the
 * resources.
 */
const UNSOUND = /^nodejs_(eventloop_lag.*|active_(handles|requests).*|active_resources_total)$/;

/** prom-client's own timer of the event loop, whose figures are left out, is never due: it would wake an idle server a hundred times a second. */
const NEVER_MS = 2 ** 31 - 1;

/** Our own registry with the process's metrics in it; nothing uses prom-client's global one. */
export function createRegistry(): Registry {
  const registry = new Registry();
  const defaults = new Registry();
  collectDefaultMetrics({ register: defaults, eventLoopMonitoringPrecision: NEVER_MS });
  for (const { name } of defaults.getMetricsAsArray()) {
    const metric = UNSOUND.test(name) ? undefined : defaults.getSingleMetric(name);
    if (metric !== undefined) registry.registerMetric(metric);
  }
  return registry;
}
