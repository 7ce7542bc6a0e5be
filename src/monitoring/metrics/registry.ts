import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { type MetricsFormat, SeriesCounter, SeriesHistogram } from './series.js';
import { SeriesGauge } from './series-gauge.js';

const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/**
 * Of prom-client's metrics of the process those that mislead: its event-loop lag has the 10 ms of its own
 * timer in every quantile and forgets at each scrape, so that two scrapers take it from each other (ours
 * is event-loop.ts); gauges may not end in `_total`; handles and requests are counted again among the
 * resources.
 */
const UNSOUND = /^nodejs_(eventloop_lag.*|active_(handles|requests).*|active_resources_total)$/;

// How long a scrape may keep the event loop before it lets predictions pass.
const SLICE_MS = 1;

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

/**
 * Renders a registry as Prometheus text 0.0.4 or as OpenMetrics 1.0, a metric at a time: whenever
 * {@link SLICE_MS} have passed the event loop has a turn. The lines of one metric are of one moment.
 * @param nowMs monotonic milliseconds
 */
export async function renderMetrics(
  registry: Registry,
  format: MetricsFormat,
  nowMs: () => number = () => performance.now(),
): Promise<{ text: string; contentType: string }> {
  const parts: string[] = [];
  let sliceFromMs = nowMs();
  for (const metric of registry.getMetricsAsArray()) {
    parts.push(
      metric instanceof SeriesCounter || metric instanceof SeriesHistogram || metric instanceof SeriesGauge
        ? metric.render(format)
        : foreignText(await registry.getSingleMetricAsString(metric.name), format),
    );
    if (nowMs() - sliceFromMs > SLICE_MS) {
      await nextTurn();
      sliceFromMs = nowMs();
    }
  }
  return format === 'prometheus'
    ? { text: `${parts.join('\n\n')}\n`, contentType: registry.contentType }
    : { text: `${parts.join('\n')}\n# EOF\n`, contentType: OPENMETRICS_TYPE };
}

/**
 * What prom-client rendered, in the format asked for. (It can render OpenMetrics itself, but from then on
 * its Prometheus text names the counters wrongly: it renames them in place.)
 */
function foreignText(text: string, format: MetricsFormat): string {
  if (format === 'prometheus' || !/^# TYPE \S+_total counter$/m.test(text)) return text;
  return text.replaceAll(/^# (HELP|TYPE) (\S+)_total /gm, '# $1 $2 ');
}
