import { ExportResultCode } from '@opentelemetry/core';
import { type ReadableSpan, TracerProvider } from '@opentelemetry/sdk-trace';
import { describe, expect, it } from 'vitest';
import { createBoundedExport } from '../../../src/tracing/otlp/bounded-export.js';

/** Tracing into an exporter that waits for what the test makes of each export. */
function bench(maxQueuedSpans: number, maxExportedSpans: number) {
  const exports: { spans: ReadableSpan[]; done: (error?: Error) => void }[] = [];
  const account = { exported: 0, queue_full: 0, export_failed: 0, failures: 0, successes: 0 };
  const processor = createBoundedExport({
    exporter: {
      export: (spans, done) =>
        exports.push({
          spans,
          done: (error) =>
            done(
              error === undefined
                ? { code: ExportResultCode.SUCCESS }
                : { code: ExportResultCode.FAILED, error },
            ),
        }),
      shutdown: () => Promise.resolve(),
    },
    observers: [
      {
        exported: (spans) => {
          account.exported += spans;
        },
        dropped: (reason, spans) => {
          account[reason] += spans;
        },
        failed: () => {
          account.failures++;
        },
        succeeded: () => {
          account.successes++;
        },
      },
    ],
    maxQueuedSpans,
    maxExportedSpans,
    delayMs: 60_000,
    timeoutMs: 60_000,
  });
  const tracer = new TracerProvider({ spanProcessors: [processor] }).getTracer('test');
  const end = (spans: number) => {
    for (let i = 0; i < spans; i++) tracer.startSpan(`s${i}`).end();
  };
  return { exports, account, end, processor };
}

describe('the account of spans', () => {
  it('counts what the collector has taken', async () => {
    const { exports, account, end, processor } = bench(8, 4);
    end(3);
    const flushed = processor.forceFlush();
    expect(exports.map(({ spans }) => spans.length)).toEqual([3]);
    exports[0]?.done();
    await flushed;
    expect(account).toEqual({ exported: 3, queue_full: 0, export_failed: 0, failures: 0, successes: 1 });
  });

  it('counts what found no room while an export is under way, and takes spans again after it', async () => {
    const { exports, account, end, processor } = bench(8, 4);
    end(4);
    expect(exports).toHaveLength(1);
    end(11);
    expect(account.queue_full).toBe(3);
    exports[0]?.done();
    await new Promise((resolve) => setImmediate(resolve));
    expect(exports.map(({ spans }) => spans.length)).toEqual([4, 4]);
    end(5);
    expect(account.queue_full).toBe(4);
    exports[1]?.done();
    const flushed = processor.forceFlush();
    for (const { done } of exports.slice(2)) done();
    await flushed;
  });

  it('counts what the collector did not take', async () => {
    const { exports, account, end, processor } = bench(8, 4);
    end(2);
    const flushed = processor.forceFlush();
    exports[0]?.done(new Error('ECONNREFUSED'));
    await expect(flushed).rejects.toThrow('ECONNREFUSED');
    expect(account).toEqual({ exported: 0, queue_full: 0, export_failed: 2, failures: 1, successes: 0 });
  });
});
