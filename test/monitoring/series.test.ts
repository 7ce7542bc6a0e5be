import fc from 'fast-check';
import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { ExpositionBytes, valueText } from '../../src/monitoring/metrics/exposition-bytes.js';
import { MetricsRenderer } from '../../src/monitoring/metrics/metrics-renderer.js';
import { createPredictionMetrics } from '../../src/monitoring/metrics/predictions.js';
import { createRegistry } from '../../src/monitoring/metrics/registry.js';
import { SeriesCounter, SeriesHistogram } from '../../src/monitoring/metrics/series.js';
import { type GaugeSample, SeriesGauge } from '../../src/monitoring/metrics/series-gauge.js';
import { rendered } from '../support/rendered-metrics.js';
import { versionForTest } from '../support/version.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const OTHER = '4bf92f3577b34da6a3ce929d0e0e4736';

function counterAndHistogram(labels: Record<string, string>) {
  const registry = new Registry();
  const registers = [registry];
  const counter = new SeriesCounter({ name: 'dies_total', help: 'Dies', labelNames: ['a', 'b'], registers });
  const histogram = new SeriesHistogram({
    name: 'wait_seconds',
    help: 'A line\nbroken, with a \\',
    labelNames: ['a', 'b'],
    buckets: [0.001, 0.5, 1],
    registers,
  });
  return { registry, counter: counter.series(labels), histogram: histogram.series(labels) };
}

describe('a rendered series', () => {
  test('is what prom-client would render, byte for byte, whatever labels and values it has', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ a: fc.string({ unit: 'grapheme' }), b: fc.string() }),
        fc.array(fc.double({ min: 0, noNaN: true })),
        fc.array(fc.double()),
        async (labels, added, observed) => {
          const { registry, counter, histogram } = counterAndHistogram(labels);
          for (const amount of added) counter.add(amount);
          for (const value of observed) histogram.observe(value);
          expect(await rendered(registry, 'prometheus')).toBe(await registry.metrics());
        },
      ),
      { numRuns: 200 },
    );
  });

  test('has no braces without labels', async () => {
    const { registry, counter } = counterAndHistogram({});
    counter.add(2);
    expect(await rendered(registry, 'prometheus')).toContain('\ndies_total 2\n');
  });

  test('that must be there from 0 on is made before each rendering', async () => {
    const registry = new Registry();
    const models = ['one'];
    const made = new Set<string>();
    const counter: SeriesCounter = new SeriesCounter(
      { name: 'dies_total', help: 'Dies', labelNames: ['model'], registers: [registry] },
      () => {
        for (const model of models.filter((name) => !made.has(name))) {
          counter.series({ model });
          made.add(model);
        }
      },
    );
    expect(await rendered(registry, 'prometheus')).toContain('dies_total{model="one"} 0');
    models.push('two');
    const text = await rendered(registry, 'openmetrics');
    expect(text).toContain('dies_total{model="one"} 0\ndies_total{model="two"} 0');
    expect(await registry.metrics()).toContain('dies_total{model="two"} 0');
  });
});

describe('a gauge that is read', () => {
  test('shows what there is at each scrape, as prom-client renders it', async () => {
    const registry = new Registry();
    let samples: GaugeSample[] = [
      { labels: { model: 'a "quoted"\\name' }, value: 1.5 },
      { labels: { model: 'b' }, value: Number.NaN },
    ];
    new SeriesGauge(
      { name: 'depth_dies', help: 'Dies', labelNames: ['model'], registers: [registry] },
      () => samples,
    );
    expect(await rendered(registry, 'prometheus')).toBe(await registry.metrics());
    const [first] = samples;
    samples = [...(first === undefined ? [] : [first]), { labels: { model: 'b' }, value: 2 }];
    const text = await rendered(registry, 'prometheus');
    expect(text).toBe(await registry.metrics());
    expect(text).toContain('depth_dies{model="b"} 2\n');
    samples = [];
    expect(await rendered(registry, 'openmetrics')).toBe(
      '# HELP depth_dies Dies\n# TYPE depth_dies gauge\n# EOF\n',
    );
  });
});

test('a scrape that takes long gives way to the event loop between metrics', async () => {
  const registry = new Registry();
  for (let i = 0; i < 5; i++) {
    new SeriesCounter({ name: `dies_${i}_total`, help: 'Dies', registers: [registry] }).series({});
  }
  const turnsWhile = async (msForEachLook: number) => {
    let turns = 0;
    let over = false;
    const count = () => {
      turns++;
      if (!over) setImmediate(count);
    };
    setImmediate(count);
    let nowMs = 0;
    const renderer = new MetricsRenderer(registry, () => {
      nowMs += msForEachLook;
      return nowMs;
    });
    await renderer.render('openmetrics');
    over = true;
    return turns;
  };
  expect(await turnsWhile(2)).toBeGreaterThanOrEqual(4);
  expect(await turnsWhile(0.01)).toBe(0);
});

test('memory of a scrape is lent to one scrape at a time', async () => {
  const { registry, counter } = counterAndHistogram({});
  const renderer = new MetricsRenderer(registry);
  const first = await renderer.render('openmetrics');
  const before = first.body.toString();
  counter.add(7);
  const second = await renderer.render('openmetrics');
  expect(first.body.toString(), 'the first is not yet released').toBe(before);
  expect(second.body.toString()).toContain('dies_total 7');
  expect(second.body.buffer).not.toBe(first.body.buffer);
  first.release();
  second.release();
  const third = await renderer.render('prometheus');
  first.release();
  const fourth = await renderer.render('prometheus');
  expect(third.body.buffer).toBe(first.body.buffer);
  expect(fourth.body.buffer).not.toBe(third.body.buffer);
  expect(third.body.toString()).toContain('dies_total 7');
});

test('numbers are written as JavaScript writes them', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.double(), fc.nat(), fc.maxSafeInteger())), (values) => {
      const bytes = new ExpositionBytes();
      for (const value of values) bytes.sample(Buffer.from('v '), value);
      expect(bytes.written().toString()).toBe(values.map((value) => `v ${valueText(value)}\n`).join(''));
    }),
  );
});

describe('exemplars', () => {
  test('each bucket shows its last trace, in OpenMetrics only', async () => {
    const { registry, histogram } = counterAndHistogram({});
    histogram.observeTraced(0.25, TRACE, 1_700_000_000_123);
    histogram.observeTraced(0.375, OTHER, 1_700_000_001_000);
    histogram.observeTraced(7, TRACE, 1_700_000_002_000);
    histogram.observe(0.3);
    const text = await rendered(registry, 'openmetrics');
    expect(text.split('\n').filter((line) => line.startsWith('wait_seconds'))).toEqual([
      'wait_seconds_bucket{le="0.001"} 0',
      `wait_seconds_bucket{le="0.5"} 3 # {trace_id="${OTHER}"} 0.375 1700000001.000`,
      'wait_seconds_bucket{le="1"} 3',
      `wait_seconds_bucket{le="+Inf"} 4 # {trace_id="${TRACE}"} 7 1700000002.000`,
      'wait_seconds_sum 7.925',
      'wait_seconds_count 4',
    ]);
    expect(await rendered(registry, 'prometheus')).not.toContain('trace_id');
  });

  test('a traced prediction is the exemplar of its latency; others leave none', async () => {
    const registry = createRegistry();
    const observe = createPredictionMetrics(registry, () => 1_700_000_000_000);
    const version = versionForTest();
    const request = {
      requestId: 'r',
      version,
      measurements: { labels: [], params: new Float32Array() },
      lane: 'realtime',
      receivedAtMs: 0,
      deadlineMs: undefined,
      explain: 0,
    } as const;
    const { measurements } = request;
    const finished = { version, measurements, predictions: [], fallback: undefined };
    observe({ request, ...finished, latencyMs: 3 });
    expect(await rendered(registry, 'openmetrics')).not.toContain('trace_id');
    observe({ request: { ...request, traceId: TRACE }, ...finished, latencyMs: 4 });
    expect(await rendered(registry, 'openmetrics')).toContain(
      `le="0.005",model_name="sum",model_version="1"} 2 # {trace_id="${TRACE}"} 0.004 1700000000.000\n`,
    );
  });
});
