import type { Registry } from 'prom-client';
import type { RefusalCode } from '../../errors.js';
import { LATENCY_BUCKETS_S } from './predictions.js';
import { remember, SeriesCounter, SeriesHistogram } from './series.js';

/** An answered request, as far as the metrics want to know. */
interface Answered {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
  readonly refusalCode: RefusalCode | '';
  readonly predicts: boolean;
}

/** Metrics of HTTP requests; labels are route patterns and codes of the contract, never a caller's words. */
export function createHttpMetrics(registry: Registry): (answered: Answered) => void {
  const registers = [registry];
  const labelNames = ['route', 'method', 'status_class'];
  const requests = new SeriesCounter({
    name: 'http_requests_total',
    help: 'HTTP requests answered',
    labelNames,
    registers,
  });
  const duration = new SeriesHistogram({
    name: 'http_request_duration_seconds',
    help: "Time from a request's headers to the last byte of its answer",
    labelNames,
    buckets: LATENCY_BUCKETS_S,
    registers,
  });
  const rejected = new SeriesCounter({
    name: 'rejected_total',
    help: 'Prediction requests refused, by the code of the problem',
    labelNames: ['reason'],
    registers,
  });
  // Bounded: routes are patterns, and there are few methods and status classes.
  const seriesOf = remember((known: string) => {
    const [method = '', status_class = '', route = ''] = known.split(' ');
    const labels = { route, method, status_class };
    return { requests: requests.series(labels), duration: duration.series(labels) };
  });
  const rejectedOf = remember((reason: string) => rejected.series({ reason }));
  return ({ method, route, status, durationMs, refusalCode, predicts }) => {
    const series = seriesOf(`${method} ${Math.floor(status / 100)}xx ${route === '' ? 'unknown' : route}`);
    series.requests.add(1);
    series.duration.observe(durationMs / 1000);
    if (predicts && refusalCode !== '') rejectedOf(refusalCode).add(1);
  };
}
