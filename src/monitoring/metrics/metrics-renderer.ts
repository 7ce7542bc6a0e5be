import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import { ExpositionBytes } from './exposition-bytes.js';
import { type MetricsFormat, SeriesCounter, SeriesHistogram } from './series.js';
import { SeriesGauge } from './series-gauge.js';

const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

// How long a scrape may keep the event loop before it lets predictions pass.
const SLICE_MS = 1;

/** What a scrape reads. */
interface Exposition {
  /** UTF-8; of the renderer again once it is released. */
  readonly body: Buffer;
  readonly contentType: string;
  /** To be called when the body has been sent or packed. */
  release(): void;
}

/**
 * Renders a registry as Prometheus text 0.0.4 or as OpenMetrics 1.0, a metric at a time: whenever
 * {@link SLICE_MS} have passed the event loop has a turn. The lines of one metric are of one moment.
 *
 * One scrape's memory is kept for the next: it is outside of the heap, and V8 answers a megabyte of it at each scrape
 * by marking the whole heap, 5 to 15 ms at every thirtieth.
 */
export class MetricsRenderer {
  readonly #registry: Registry;
  readonly #nowMs: () => number;
  #kept: ExpositionBytes | undefined;

  /** @param nowMs monotonic milliseconds */
  constructor(registry: Registry, nowMs: () => number = () => performance.now()) {
    this.#registry = registry;
    this.#nowMs = nowMs;
  }

  async render(format: MetricsFormat): Promise<Exposition> {
    const to = this.#kept ?? new ExpositionBytes();
    // Whoever scrapes meanwhile gets memory of its own.
    this.#kept = undefined;
    to.clear();
    await this.#renderTo(to, format);
    let lent = true;
    return {
      body: to.written(),
      contentType: format === 'prometheus' ? this.#registry.contentType : OPENMETRICS_TYPE,
      release: () => {
        if (lent) this.#kept ??= to;
        lent = false;
      },
    };
  }

  async #renderTo(to: ExpositionBytes, format: MetricsFormat): Promise<void> {
    let sliceFromMs = this.#nowMs();
    for (const [i, metric] of this.#registry.getMetricsAsArray().entries()) {
      if (i > 0 && format === 'prometheus') to.text('\n');
      if (
        metric instanceof SeriesCounter ||
        metric instanceof SeriesHistogram ||
        metric instanceof SeriesGauge
      ) {
        metric.render(format, to);
      } else {
        to.text(`${foreignText(await this.#registry.getSingleMetricAsString(metric.name), format)}\n`);
      }
      if (this.#nowMs() - sliceFromMs > SLICE_MS) {
        await nextTurn();
        sliceFromMs = this.#nowMs();
      }
    }
    if (format === 'openmetrics') to.text('# EOF\n');
  }
}

/**
 * What prom-client rendered, in the format asked for. (It can render OpenMetrics itself, but from then on
 * its Prometheus text names the counters wrongly: it renames them in place.)
 */
function foreignText(text: string, format: MetricsFormat): string {
  if (format === 'prometheus' || !/^# TYPE \S+_total counter$/m.test(text)) return text;
  return text.replaceAll(/^# (HELP|TYPE) (\S+)_total /gm, '# $1 $2 ');
}
