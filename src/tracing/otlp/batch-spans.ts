import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
import type { BatchingObserver, TracedBatch } from '../../serving/batching/batching-observer.js';
import { markFailed, versionAttributes } from './request-span.js';
import type { SpanSource } from './span-source.js';

const MAX_MESSAGE_LENGTH = 200;

/**
 * Spans of batches. A batch has dies of many requests and can be the child of none: it is the root of a
 * trace of its own, linked to the wait of each traced call, and each traced request is linked to it.
 * They are made when the batch is back, of times that were noted on the way.
 */
export function createBatchSpans(source: SpanSource): BatchingObserver {
  return {
    tracedBatchEnded: (version, batch) => recordBatch(source, version, batch),
    tracedWaitEnded(version, wait) {
      wait.span.waited({ version, ...wait });
    },
  };
}

function recordBatch({ tracer, timeOf }: SpanSource, version: string, batch: TracedBatch): void {
  const { fromMs, toMs, dies, reason, outcome, waits } = batch;
  const links = waits.map((wait) => ({ context: wait.span.waited({ version, ...wait }) }));
  const attributes = {
    ...versionAttributes(version),
    'diegate.dies': dies,
    'diegate.batch.calls': batch.calls,
    'diegate.batch.reason': reason,
  };
  const span = tracer.startSpan('batch', { startTime: timeOf(fromMs), attributes, links }, ROOT_CONTEXT);
  if (outcome.kind === 'scored') {
    // The worker says how long the run took, not when it began: the round trip lies evenly around it.
    const aroundMs = Math.max(0, toMs - fromMs - outcome.runMs) / 2;
    const startTime = timeOf(fromMs + aroundMs);
    const run = tracer.startSpan(
      'inference',
      { startTime, attributes: versionAttributes(version) },
      trace.setSpan(ROOT_CONTEXT, span),
    );
    run.end(timeOf(Math.min(toMs, fromMs + aroundMs + outcome.runMs)));
  } else markFailed(span, outcome.kind, outcome.message.slice(0, MAX_MESSAGE_LENGTH));
  span.end(timeOf(toMs));
  for (const wait of waits) wait.span.linkTo(span.spanContext());
}
