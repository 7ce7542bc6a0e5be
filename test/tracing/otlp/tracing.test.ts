import { describe, expect, it, onTestFinished } from 'vitest';
import { createTracing, type TracingOptions } from '../../../src/tracing/otlp/tracing.js';
import type { RequestTrace } from '../../../src/tracing/tracer.js';
import { FakeClock } from '../../support/fake-clock.js';
import { OtlpCollector } from '../../support/otlp-collector.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SAMPLED = `00-${TRACE}-00f067aa0ba902b7-01`;
const UNSAMPLED = `00-${TRACE}-00f067aa0ba902b7-00`;

async function bench(changes: Partial<TracingOptions> = {}) {
  const collector = await OtlpCollector.start();
  const clock = new FakeClock();
  const account = { exported: 0, dropped: 0 };
  const tracing = createTracing({
    endpoint: collector.url,
    headers: {},
    serviceName: 'test',
    serviceVersion: '0',
    share: 1,
    clock,
    random: () => 0.5,
    logger: { warn: () => {}, info: () => {} },
    observers: [
      {
        exported: (spans) => {
          account.exported += spans;
        },
        dropped: (_, spans) => {
          account.dropped += spans;
        },
      },
    ],
    ...changes,
  });
  onTestFinished(async () => {
    const closed = tracing.close(1);
    await clock.advance(1);
    await closed;
  });
  const begin = (traceparent?: string, tracestate?: string): RequestTrace | undefined =>
    tracing.tracer.begin({
      requestId: 'r',
      method: 'POST',
      route: '/predict',
      path: '/predict',
      scheme: 'http',
      receivedAtMs: clock.nowMs(),
      traceparent,
      tracestate,
    });
  const answer = (trace: RequestTrace | undefined) =>
    trace?.span?.end({
      status: 200,
      refusalCode: '',
      refusalDetail: '',
      model: 'sum',
      version: '1',
      dies: 1,
    });
  return { collector, clock, account, tracing, begin, answer };
}

describe('what is sampled', () => {
  it('is what the caller says, whatever the share', async () => {
    const { begin } = await bench({ share: 0, random: () => 0 });
    expect(begin(SAMPLED)).toMatchObject({ traceId: TRACE, sampled: true, span: expect.anything() });
    expect(begin(UNSAMPLED)).toEqual({ traceId: TRACE, sampled: false, span: undefined });
    expect((await bench({ share: 1 })).begin(UNSAMPLED)?.span).toBeUndefined();
  });

  it('is else the share: a new trace, or none', async () => {
    const throws = [0.2, 0.3, 0.249, 0.999];
    const { begin } = await bench({ share: 0.25, random: () => throws.shift() ?? 0 });
    const traces = [begin(), begin(), begin('malformed'), begin()];
    expect(traces.map((trace) => trace !== undefined)).toEqual([true, false, true, false]);
    expect(traces[0]?.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(traces[0]?.traceId).not.toBe(traces[2]?.traceId);
    const always = await bench({ share: 1, random: () => 0.999_999 });
    expect(always.begin()).toBeDefined();
    const never = await bench({ share: 0, random: () => 0 });
    expect(never.begin()).toBeUndefined();
  });
});

describe('what a hostile caller sends along', () => {
  it.each(['', '=', 'a', 'x'.repeat(5000), '💥=1', 'a=1,,b=2', Array(100).fill('k=v').join(',')])(
    'a tracestate of %j harms nothing',
    async (tracestate) => {
      const { begin, answer, tracing, collector } = await bench();
      answer(begin(SAMPLED, tracestate));
      await tracing.close(60_000);
      expect(collector.named('POST /predict')).toHaveLength(1);
    },
  );
});

describe('a collector that takes nothing', () => {
  it('costs the requests after a while nothing: they get no span, and are counted', async () => {
    const { collector, account, begin, answer } = await bench();
    collector.status = 0;
    let traced = 0;
    while (begin(SAMPLED)?.span !== undefined && traced < 10_000) {
      answer(begin(SAMPLED));
      traced++;
    }
    // What waits, and the export that is under way.
    expect(traced).toBeGreaterThanOrEqual(4096);
    expect(traced).toBeLessThanOrEqual(4096 + 128);
    const before = account.dropped;
    expect(begin(SAMPLED)).toEqual({ traceId: TRACE, sampled: true, span: undefined });
    expect(begin()).toBeUndefined();
    expect(account.dropped).toBe(before + 2);
  });

  it('is not waited for longer than asked when the process ends', async () => {
    const { collector, clock, begin, answer, tracing } = await bench();
    collector.status = 0;
    answer(begin(SAMPLED));
    let isClosed = false;
    const closed = tracing.close(2000).then(() => {
      isClosed = true;
    });
    await collector.until(({ requests }) => requests.length === 1);
    await clock.advance(1999);
    expect(isClosed).toBe(false);
    await clock.advance(1);
    await closed;
  });
});
