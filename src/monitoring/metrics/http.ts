import { Counter, Histogram, type Registry } from 'prom-client';
import type { RefusalCode } from '../../errors.js';
import { LATENCY_BUCKETS_S } from './predictions.js';

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
  const requests = new Counter({
    name: 'http_requests_total',
    help: 'HTTP requests answered',
    labelNames: ['route', 'method', 'status_class'],
    registers,
  });
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: "Time from a request's headers to the last byte of its answer",
    labelNames: ['route', 'method'],
    buckets: LATENCY_BUCKETS_S,
    registers,
  });
  const rejected = new Counter({
    name: 'rejected_total',
    help: 'Prediction requests refused, by the code of the problem',
    labelNames: ['reason'],
    registers,
  });
  return ({ method, route, status, durationMs, refusalCode, predicts }) => {
    const known = { route: route === '' ? 'unknown' : route, method };
    requests.inc({ ...known, status_class: `${Math.floor(status / 100)}xx` });
    duration.observe(known, durationMs / 1000);
    if (predicts && refusalCode !== '') rejected.inc({ reason: refusalCode });
  };
}
