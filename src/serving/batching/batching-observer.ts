import type { RequestSpan } from '../../tracing/tracer.js';
import type { BatchOutcome } from '../runner.js';
import type { Call, Outcome } from './call.js';
import { diesOf } from './call.js';
import type { Lane, Slice } from './queue.js';
import type { DispatchReason } from './version-queue.js';

/** Who is told of what the batcher does; told, never asked. */
export interface BatchingObserver {
  /** A batch came back with scores. `waitMs`: the longest wait of its dies in the queue. */
  batchRan?(
    version: string,
    batch: { dies: number; waitMs: number; runMs: number; roundTripMs: number; reason: DispatchReason },
  ): void;
  /** A call had its one outcome. */
  callSettled?(version: string, outcome: Outcome, dies: number): void;
  /** A batch with dies of traced requests came back, with scores or without. */
  tracedBatchEnded?(version: string, batch: TracedBatch): void;
  /** Dies of a traced request left the queue, but not for a worker. */
  tracedWaitEnded?(version: string, wait: TracedWait): void;
}

/** A batch with dies of traced requests; times are of the batcher's clock. */
export interface TracedBatch {
  readonly fromMs: number;
  readonly toMs: number;
  readonly dies: number;
  readonly calls: number;
  readonly reason: DispatchReason;
  readonly outcome: BatchOutcome;
  /** Of its traced calls: how they waited for it. */
  readonly waits: readonly TracedWait[];
}

/** How dies of a traced request waited; times are of the batcher's clock. */
export interface TracedWait {
  readonly span: RequestSpan;
  readonly dies: number;
  readonly lane: Lane;
  readonly fromMs: number;
  readonly toMs: number;
  /** How they ended unscored; undefined where a worker took them. */
  readonly unscored?: Outcome;
}

/** A batch as those are told of it who trace some of its calls. */
export function tracedBatch(
  slices: readonly Slice<Call>[],
  batch: Pick<TracedBatch, 'fromMs' | 'toMs' | 'reason' | 'outcome'>,
): TracedBatch {
  return {
    ...batch,
    dies: diesOf(slices),
    calls: slices.length,
    waits: slices.flatMap(({ call, count }) => waitOf(call, count, batch.fromMs)),
  };
}

/** How `dies` of a call have waited until `toMs`; nothing where there are none or it is not traced. */
export function waitOf({ span, lane, arrivedAtMs }: Call, dies: number, toMs: number): TracedWait[] {
  return span === undefined || dies === 0 ? [] : [{ span, dies, lane, fromMs: arrivedAtMs, toMs }];
}
