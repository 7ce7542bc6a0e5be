import { describe, expect, test } from 'vitest';
import { dieOf } from '../support/dies.js';
import { post, send } from '../support/http.js';
import { type Family, parseMetrics, type Sample } from '../support/metrics.js';
import { sumVersion } from '../support/models.js';
import { appForSuite, type StartedApp, startApp } from '../support/start-app.js';

const OPENMETRICS = { accept: 'application/openmetrics-text; version=1.0.0' };
const server = appForSuite(() => ({ versions: [sumVersion(512), sumVersion(4, { name: 'small' })] }));

async function scrape({ url }: StartedApp, headers: Record<string, string> = {}) {
  const answer = await send(`${url}/metrics`, { headers });
  expect(answer.status).toBe(200);
  return { text: answer.body, type: answer.headers.get('content-type'), families: parseMetrics(answer.body) };
}

/** The one sample with these labels. */
function sample(
  families: Map<string, Family>,
  family: string,
  name: string,
  labels: Sample['labels'],
): number {
  const found = families.get(family)?.samples.filter((candidate) => {
    return (
      candidate.name === name &&
      Object.entries(labels).every(([key, value]) => candidate.labels[key] === value)
    );
  });
  expect(found, `${name} ${JSON.stringify(labels)}`).toHaveLength(1);
  return found?.[0]?.value ?? Number.NaN;
}

/** diegate's own metrics: name, type and labels. A change here needs a line in the changelog. */
const OWN_METRICS = {
  anomaly_score: ['histogram', ['model_name', 'model_version']],
  batch_size_dies: ['histogram', ['model_name', 'model_version']],
  batches_total: ['counter', ['model_name', 'model_version', 'reason']],
  // Those without labels here have no sample before there is a fallback, a shadow or a failed version.
  fallback_predictions_total: ['counter', []],
  http_request_duration_seconds: ['histogram', ['method', 'route']],
  http_requests_total: ['counter', ['method', 'route', 'status_class']],
  inference_duration_seconds: ['histogram', ['model_name', 'model_version']],
  model_info: ['gauge', ['model_name', 'model_version', 'sha256', 'task']],
  model_load_duration_seconds: ['gauge', ['model_name', 'model_version']],
  model_load_failed: ['gauge', []],
  model_requests_total: ['counter', ['model_name', 'model_version', 'status']],
  prediction_confidence: ['histogram', ['model_name', 'model_version']],
  prediction_latency_seconds: ['histogram', ['model_name', 'model_version']],
  predictions_total: ['counter', ['model_name', 'model_version', 'prediction']],
  queue_capacity_dies: ['gauge', ['model_name', 'model_version']],
  queue_depth_dies: ['gauge', ['model_name', 'model_version']],
  queue_wait_seconds: ['histogram', ['model_name', 'model_version']],
  rejected_total: ['counter', ['reason']],
  shadow_dies_total: ['counter', []],
  shadow_disagreements_total: ['counter', []],
  shadow_score_difference: ['histogram', []],
  worker_restarts_total: ['counter', []],
  workers_ready: ['gauge', []],
};

async function provokeEverything({ url }: StartedApp): Promise<void> {
  await post(`${url}/predict`, JSON.stringify(dieOf()));
  await post(`${url}/predict`, JSON.stringify(dieOf({ test_params: Array(512).fill(1) })));
  await post(`${url}/models/small/predict/batch`, JSON.stringify([dieOf({}, 4), dieOf({}, 4)]));
  await post(`${url}/predict`, '{');
  await send(`${url}/nowhere/of/any/kind`);
}

describe('GET /metrics', () => {
  test('has the metrics that dashboards and alerts know, by name, type and labels', async () => {
    await provokeEverything(server());
    await scrape(server());
    const { families } = await scrape(server());
    const own = [...families].filter(([name]) => !/^(nodejs|process)_/.test(name));
    const surface = own.map(([name, { type, samples }]) => {
      const labels = new Set(samples.flatMap((s) => Object.keys(s.labels)).filter((label) => label !== 'le'));
      return [name, [type, [...labels].sort()]];
    });
    expect(Object.fromEntries(surface)).toEqual(OWN_METRICS);
    for (const [name, { help }] of families) expect(help, name).not.toBe('');
  });

  test('counts what was done', async () => {
    const app = await startApp({ versions: [sumVersion(512), sumVersion(4, { name: 'small' })] });
    await provokeEverything(app);
    const { families } = await scrape(app);
    const sum = { model_name: 'sum', model_version: '1' };
    const small = { model_name: 'small', model_version: '1' };
    const counted = (name: string, labels: Sample['labels']) => sample(families, name, name, labels);
    expect(counted('predictions_total', { ...sum, prediction: 'pass' })).toBe(1);
    expect(counted('predictions_total', { ...sum, prediction: 'fail' })).toBe(1);
    expect(counted('predictions_total', { ...small, prediction: 'pass' })).toBe(2);
    expect(counted('model_requests_total', { ...sum, status: 'answered' })).toBe(2);
    expect(counted('model_requests_total', { ...small, status: 'answered' })).toBe(1);
    expect(counted('rejected_total', { reason: 'invalid_json' })).toBe(1);
    expect(counted('http_requests_total', { route: '/predict', method: 'POST', status_class: '2xx' })).toBe(
      2,
    );
    expect(counted('http_requests_total', { route: '/predict', method: 'POST', status_class: '4xx' })).toBe(
      1,
    );
    expect(counted('http_requests_total', { route: 'unknown', status_class: '4xx' })).toBe(1);
    expect(counted('queue_depth_dies', sum)).toBe(0);
    expect(counted('workers_ready', {})).toBe(1);
    expect(counted('worker_restarts_total', {})).toBe(0);
    const count = (name: string, labels: Sample['labels']) => sample(families, name, `${name}_count`, labels);
    expect(count('anomaly_score', sum)).toBe(2);
    expect(count('prediction_confidence', small)).toBe(2);
    expect(count('prediction_latency_seconds', small)).toBe(1);
    expect(count('inference_duration_seconds', small)).toBeGreaterThanOrEqual(1);
    expect(sample(families, 'batch_size_dies', 'batch_size_dies_sum', small)).toBe(2);
    expect(sample(families, 'anomaly_score', 'anomaly_score_sum', sum)).toBeCloseTo(512.512, 3);
  });

  test('histograms are cumulative and end with the count', async () => {
    await provokeEverything(server());
    const { families } = await scrape(server());
    const histograms = [...families].filter(([, { type }]) => type === 'histogram');
    expect(histograms.length).toBeGreaterThan(5);
    for (const [name, { samples }] of histograms) {
      const series = new Map<string, Sample[]>();
      for (const each of samples) {
        const { le: _, ...labels } = each.labels;
        const key = JSON.stringify(labels);
        series.set(key, [...(series.get(key) ?? []), each]);
      }
      for (const [labels, ofSeries] of series) {
        const buckets = ofSeries.filter((s) => s.name === `${name}_bucket`);
        const counts = buckets.map(({ value }) => value);
        expect(counts, name + labels).toEqual(counts.toSorted((a, b) => a - b));
        expect(buckets.at(-1)?.labels.le).toBe('+Inf');
        expect(counts.at(-1)).toBe(ofSeries.find((s) => s.name === `${name}_count`)?.value);
      }
    }
  });

  test('no label holds the words of a caller', async () => {
    const { url } = server();
    await post(`${url}/predict`, JSON.stringify(dieOf({ die_id: 'SECRET', equipment_id: 'SECRET' })));
    await send(`${url}/SECRET?a=SECRET`, { method: 'PUT' });
    await post(`${url}/models/SECRET/predict`, JSON.stringify(dieOf()));
    await send(`${url}/models/SECRET/versions/SECRET`);
    expect((await scrape(server())).text).not.toContain('SECRET');
  });
});

describe('the two formats', () => {
  test('Prometheus text by default', async () => {
    const { type, text } = await scrape(server());
    expect(type).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text).not.toContain('# EOF');
    expect(text.endsWith('\n')).toBe(true);
  });

  test('OpenMetrics when asked for: the right type, no blank line, and # EOF at the end', async () => {
    const { type, text } = await scrape(server(), OPENMETRICS);
    expect(type).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(text.endsWith('\n# EOF\n')).toBe(true);
    expect(text.match(/# EOF/g)).toHaveLength(1);
    expect(text).not.toMatch(/\n\n/);
  });

  test('a counter is named right in both, however often and in whatever order they are asked for', async () => {
    await provokeEverything(server());
    for (const headers of [OPENMETRICS, {}, OPENMETRICS, OPENMETRICS, {}, {}]) {
      const { families } = await scrape(server(), headers);
      const counters = [...families].filter(([, { type }]) => type === 'counter');
      expect(counters.length).toBeGreaterThan(4);
      for (const [name, { samples }] of counters) {
        expect(name.endsWith('_total'), name).toBe(headers !== OPENMETRICS);
        for (const { name: inSample } of samples) expect(inSample).toMatch(/_total$/);
      }
    }
  });

  test('both tell the same', async () => {
    const names = (families: Map<string, Family>) =>
      [...families.keys()].map((name) => name.replace(/_total$/, '')).sort();
    const [one, other] = [await scrape(server()), await scrape(server(), OPENMETRICS)];
    expect(names(one.families)).toEqual(names(other.families));
  });
});
