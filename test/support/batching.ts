import { Refusal, type RefusalCode } from '../../src/errors.js';
import { Batcher, type BatcherOptions } from '../../src/serving/batching/batcher.js';
import type { CallRequest, Outcome, ScoredDies } from '../../src/serving/batching/call.js';
import type { QueuedVersion } from '../../src/serving/batching/version-queue.js';
import { FakeClock } from './fake-clock.js';
import { FakeRunner } from './fake-runner.js';

/** Parameters of a die in these tests; the first is the die's id and becomes its score. */
export const WIDTH = 3;

/** One submitted call and what has become of it. */
export class TrackedCall {
  readonly ids: readonly number[];
  readonly params: Float32Array;
  settlements = 0;
  scored: ScoredDies | undefined;
  refusal: Refusal | undefined;
  /** What the batcher wants to be called with when the client has gone. */
  disconnect: () => void = () => {};

  constructor(ids: readonly number[]) {
    this.ids = ids;
    this.params = Float32Array.from(ids.flatMap((id) => [id, id + 0.5, -id]));
  }

  get state(): 'waiting' | 'answered' | RefusalCode {
    if (this.scored !== undefined) return 'answered';
    return this.refusal?.code ?? 'waiting';
  }

  get scores(): number[] {
    return Array.from(this.scored?.scores ?? []);
  }
}

export interface BenchOptions {
  readonly workers?: number;
  readonly version?: Partial<QueuedVersion>;
  readonly observers?: BatcherOptions['observers'];
  readonly onObserverError?: (error: unknown) => void;
}

/** A batcher on a bench: its clock and its workers are in the test's hands. */
export class BatcherBench {
  readonly clock = new FakeClock();
  readonly runner: FakeRunner;
  readonly batcher: Batcher;
  readonly outcomes: Outcome[] = [];
  #nextId = 1;

  constructor({ workers = 1, version = {}, observers = [], onObserverError }: BenchOptions = {}) {
    this.runner = new FakeRunner(workers);
    this.batcher = new Batcher({
      runner: this.runner,
      clock: this.clock,
      workers,
      observers: [...observers, { callSettled: (_, outcome) => this.outcomes.push(outcome) }],
      ...(onObserverError === undefined ? {} : { onObserverError }),
    });
    this.add(version);
  }

  /** Opens a queue; unnamed it is "m/1", 8 dies a batch, no delay. */
  add(version: Partial<QueuedVersion>, costs: readonly (readonly [number, number])[] = []): void {
    const defaults = { key: 'm/1', maxBatchSize: 8, maxQueueDelayMs: 0, maxQueueSize: 100 };
    this.batcher.add({ ...defaults, parameterCount: WIDTH, ...version }, costs);
  }

  /** Submits a call of `dies` without ending the turn. */
  submit(
    dies = 1,
    {
      key = 'm/1',
      shadow = false,
      ...request
    }: Partial<CallRequest> & { key?: string; shadow?: boolean } = {},
  ): TrackedCall {
    const call = new TrackedCall(Array.from({ length: dies }, () => this.#nextId++));
    const settled = () => {
      call.settlements++;
      // What the HTTP layer does with a row: it belongs to another die as soon as its call is settled.
      call.params.fill(Number.NaN);
    };
    const submitted: CallRequest = {
      dies,
      params: call.params,
      lane: dies === 1 ? 'realtime' : 'bulk',
      deadlineAtMs: Number.POSITIVE_INFINITY,
      explain: false,
      onGone: (listener) => {
        call.disconnect = listener;
      },
      ...request,
    };
    (shadow ? this.batcher.submitShadow(key, submitted) : this.batcher.submit(key, submitted))
      .then((scored) => {
        settled();
        call.scored = scored;
      })
      .catch((error: unknown) => {
        settled();
        if (!(error instanceof Refusal)) throw error;
        call.refusal = error;
      });
    return call;
  }

  /** Submits a call and ends the turn, which hands it to a worker if one is idle. */
  async send(dies = 1, request: Partial<CallRequest> & { key?: string } = {}): Promise<TrackedCall> {
    const call = this.submit(dies, request);
    await this.clock.advance(0);
    return call;
  }
}
