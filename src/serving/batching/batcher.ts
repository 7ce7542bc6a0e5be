import { Refusal } from '../../errors.js';
import { tellEach } from '../../observers.js';
import type { Clock } from '../clock.js';
import type { BatchOutcome, BatchRunner } from '../runner.js';
import { type BatchingObserver, tracedBatch, waitOf } from './batching-observer.js';
import {
  batchFacts,
  Call,
  type CallRequest,
  clientGone,
  deadlineExceeded,
  diesOf,
  gather,
  gatherGroups,
  halve,
  type Outcome,
  type ScoredDies,
  scatter,
} from './call.js';
import { RunningBatch } from './running-batch.js';
import {
  type Batch,
  leastServed,
  noneWaits,
  type QueuedVersion,
  shadowQueueOf,
  VersionQueue,
} from './version-queue.js';

export interface BatcherOptions {
  readonly runner: BatchRunner;
  readonly clock: Clock;
  /** Number of workers that are configured, for the retry-after of a full queue. */
  readonly workers: number;
  /** Whether the rows of dies, but for shadows, are hashed beside their runs. */
  readonly hashesRows?: boolean | undefined;
  readonly observers: readonly BatchingObserver[];
  readonly onObserverError?: (error: unknown) => void;
}

// A die is run again once after its worker was lost; a second loss points at the die itself.
const MAX_LOSSES = 2;
// Longest time that a timer can be set for; a wake-up may come early.
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Queues calls for each model version and hands batches to idle workers. Holds the only timer of
 * the serving side; every decision is taken by the pure parts (queue, cost, gather).
 */
export class Batcher {
  readonly #options: BatcherOptions;
  readonly #versions = new Map<string, VersionQueue>();
  // The queues of shadow traffic, by the same keys: served only when nobody else waits.
  readonly #shadows = new Map<string, VersionQueue>();
  // The queues in which something waits: dozens of idle models must cost a busy one nothing.
  readonly #active = new Set<VersionQueue>();
  // Looked at after each step until a closed queue has drained.
  readonly #draining = new Set<() => void>();
  // The worker time that the version served last had been given before: how far fairness has come.
  #servedToMs = 0;
  readonly #running = new Set<RunningBatch>();
  #pumpIsSoon = false;
  // Whether the batch before was a call that came alone.
  #lastWasLone = false;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #cancelWake: () => void = () => {};

  constructor(options: BatcherOptions) {
    this.#options = options;
    options.runner.onIdle(() => this.#pump());
  }

  /**
   * Opens a queue for a version, once; its dies may be submitted from now on.
   * @param costs measured batches to begin the cost model with: [dies, ms]
   */
  add(version: QueuedVersion, costs: readonly (readonly [number, number])[] = []): void {
    if (this.#versions.has(version.key)) throw new Error(`${version.key} has a queue already`);
    const queue = new VersionQueue(version);
    for (const [dies, ms] of costs) queue.cost.observe(dies, ms);
    this.#versions.set(version.key, queue);
    this.#shadows.set(version.key, shadowQueueOf(version, queue));
  }

  /**
   * Closes a version's queue: nothing more is accepted, what waits is still run.
   * @returns resolves when the last of its dies is settled
   */
  async remove(key: string): Promise<void> {
    const queue = this.#versions.get(key);
    const shadow = this.#shadows.get(key);
    this.#versions.delete(key);
    this.#shadows.delete(key);
    const leaving = [queue, shadow].filter((left) => left !== undefined);
    const isBusy = () => leaving.some((left) => this.#isBusy(left));
    if (!isBusy()) return;
    await new Promise<void>((resolve) => {
      const look = () => {
        if (isBusy()) return;
        this.#draining.delete(look);
        resolve();
      };
      this.#draining.add(look);
    });
  }

  /** Whether a version has a queue. */
  has(key: string): boolean {
    return this.#versions.has(key);
  }

  /** Most dies that may wait for each version, by key. */
  capacityDies(): Map<string, number> {
    return new Map([...this.#versions].map(([key, { version }]) => [key, version.maxQueueSize]));
  }

  /** Dies waiting for each version, by key. */
  waitingDies(): Map<string, number> {
    return new Map([...this.#versions].map(([key, { queue }]) => [key, queue.waitingDies]));
  }

  /**
   * Refuses at once when `dies` more would not find room.
   * @throws Refusal `queue_full` with the seconds until the queue will have drained, or
   * `batch_too_large` when it will never hold so many
   */
  assertRoom(key: string, dies: number): void {
    const version = this.#versionOf(key);
    if (!version.queue.hasRoomFor(dies)) throw version.full(dies, this.#options.workers);
  }

  /**
   * Scores the dies of a call.
   * @throws Refusal (as a rejection) `queue_full`, `batch_too_large`, `deadline_exceeded` or
   * `inference_failed`; `bad_request` when the client has gone, for nobody to read
   */
  submit(key: string, request: CallRequest): Promise<ScoredDies> {
    return this.#submit(() => this.#versionOf(key), request);
  }

  /**
   * Scores the dies of a call when no other die waits: for shadow versions, whose scores nobody waits for.
   * @throws as `submit`; a full queue is small
   */
  submitShadow(key: string, request: CallRequest): Promise<ScoredDies> {
    return this.#submit(() => this.#shadows.get(key) ?? this.#versionOf(key), request);
  }

  #submit(find: () => VersionQueue, request: CallRequest): Promise<ScoredDies> {
    return new Promise((resolve, reject) => {
      const version = find();
      const nowMs = this.#options.clock.nowMs();
      const call = new Call(request, nowMs, resolve, reject);
      if (nowMs >= request.deadlineAtMs) {
        this.#settle(version, call, 'expired', deadlineExceeded());
        return;
      }
      // A version that asked for no worker until now gets no credit for that time.
      if (version.readyAtMs() > nowMs) version.servedMs = Math.max(version.servedMs, this.#servedToMs);
      if (!version.queue.offer(call)) {
        this.#settle(version, call, 'refused', version.full(request.dies, this.#options.workers));
        return;
      }
      this.#active.add(version);
      request.onGone?.(() => this.#settle(version, call, 'cancelled', clientGone()));
      this.#pumpSoon();
    });
  }

  /**
   * Dies whose bytes arrived together are read in one turn of the event loop; dispatching after that turn puts them
   * into one batch. It costs a lone die a turn, so that who came alone the last time is not kept waiting.
   */
  #pumpSoon(): void {
    if (this.#pumpIsSoon) return;
    this.#pumpIsSoon = true;
    const pump = () => {
      this.#pumpIsSoon = false;
      this.#pump();
    };
    if (this.#lastWasLone && this.#running.size === 0) queueMicrotask(pump);
    else this.#options.clock.soon(pump);
  }

  #pump(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const version of this.#active) this.#expire(version, version.expire(nowMs));
    for (const batch of this.#running) this.#expire(batch.version, batch.expire(nowMs));
    while (this.#options.runner.idle > 0) {
      const version = leastServed(this.#active, nowMs);
      if (version === undefined || (version.isShadow && !this.#mayRunShadow())) break;
      const batch = version.next(nowMs);
      if (batch === undefined) break;
      if (!version.isShadow) this.#servedToMs = Math.max(this.#servedToMs, version.servedMs);
      this.#run(version, batch, nowMs);
    }
    for (const version of this.#active) if (version.isEmpty) this.#active.delete(version);
    this.#planWake(nowMs);
    for (const look of this.#draining) look();
  }

  /** A shadow's batch leaves one worker free for the next die, where there is more than one. */
  #mayRunShadow(): boolean {
    return this.#options.workers === 1 || this.#options.runner.idle > 1;
  }

  /** See `BatchToRun.isAlone`; the batch counts as running already. */
  #isAlone(version: VersionQueue, { reason }: Batch): boolean {
    if (version.isShadow || reason === 'retry' || this.#running.size > 1) return false;
    return noneWaits(this.#active);
  }

  #isBusy(version: VersionQueue): boolean {
    return !version.isEmpty || [...this.#running].some((running) => running.version === version);
  }

  #run(version: VersionQueue, batch: Batch, nowMs: number): void {
    const { slices } = batch;
    const dies = diesOf(slices);
    const expectedMs = version.cost.of(dies);
    version.servedMs += expectedMs;
    const { oldestMs, nearestDeadlineAtMs, explain, isTraced } = batchFacts(slices, nowMs);
    const running = new RunningBatch(version, slices, nearestDeadlineAtMs);
    this.#running.add(running);
    const params = gather(slices, version.version.parameterCount, version.scratch);
    const groups = gatherGroups(slices, dies);
    const isAlone = this.#isAlone(version, batch);
    this.#lastWasLone = isAlone && slices.length === 1;
    const hashesRows = this.#options.hashesRows && !version.isShadow;
    const toRun = { version: version.version.key, dies, params, explain, hashesRows, groups, isAlone };
    this.#options.runner.run(toRun).then((outcome) => {
      this.#running.delete(running);
      const roundTripMs = this.#options.clock.nowMs() - nowMs;
      version.servedMs += roundTripMs - expectedMs;
      this.#finish(version, batch, dies, outcome);
      if (isTraced) this.#tellTraced(version, batch, outcome, nowMs);
      if (outcome.kind === 'scored') {
        // What a worker costs: runs of the server process would make it look cheaper than it is.
        if (outcome.isExpress !== true) version.cost.observe(dies, roundTripMs);
        const waitMs = nowMs - oldestMs;
        const ran = { dies, waitMs, runMs: outcome.runMs, roundTripMs, reason: batch.reason };
        if (!version.isShadow) this.#toEach((observer) => observer.batchRan?.(version.version.key, ran));
      }
      this.#pump();
    });
  }

  #finish(version: VersionQueue, batch: Batch, dies: number, outcome: BatchOutcome): void {
    switch (outcome.kind) {
      case 'scored':
        for (const call of scatter(batch.slices, { ...outcome, dies }))
          this.#tell(version, 'answered', call.dies);
        return;
      case 'threw':
        this.#isolate(version, batch, outcome.message);
        return;
      case 'lost': {
        const losses = batch.losses + 1;
        if (losses < MAX_LOSSES) this.#runAgain(version, { slices: batch.slices, losses, reason: 'retry' });
        else this.#fail(version, batch, `the worker was lost twice with this die: ${outcome.message}`);
      }
    }
  }

  /** Runs the halves of a batch that the model threw on, until the die to blame is alone. */
  #isolate(version: VersionQueue, batch: Batch, message: string): void {
    if (diesOf(batch.slices) === 1) {
      this.#fail(version, batch, `the model threw on this die: ${message}`);
      return;
    }
    for (const slices of halve(batch.slices))
      this.#runAgain(version, { slices, losses: batch.losses, reason: 'retry' });
  }

  #runAgain(version: VersionQueue, batch: Batch): void {
    version.again.push(batch);
    this.#active.add(version);
  }

  #fail(version: VersionQueue, batch: Batch, reason: string): void {
    for (const { call, from } of batch.slices) {
      const where = call.dies > 1 ? ` (die ${from} of the call)` : '';
      const refusal = new Refusal('inference_failed', `${reason}${where}`, { retryAfterSeconds: 1 });
      this.#settle(version, call, 'failed', refusal);
    }
  }

  #expire(version: VersionQueue, calls: readonly Call[]): void {
    for (const call of calls) this.#settle(version, call, 'expired', deadlineExceeded());
  }

  #settle(version: VersionQueue, call: Call, outcome: Outcome, refusal: Refusal): void {
    if (call.settled) return;
    version.queue.cancel(call);
    call.refuse(refusal);
    this.#tell(version, outcome, call.dies);
    if (call.span !== undefined && outcome !== 'refused') this.#tellWaited(version, call, outcome);
    if (this.#draining.size > 0) this.#pumpSoon();
  }

  #tellWaited(version: VersionQueue, call: Call, outcome: Outcome): void {
    for (const wait of waitOf(call, call.dies - call.taken, this.#options.clock.nowMs())) {
      this.#toEach((observer) =>
        observer.tracedWaitEnded?.(version.version.key, { ...wait, unscored: outcome }),
      );
    }
  }

  #tellTraced(version: VersionQueue, { slices, reason }: Batch, outcome: BatchOutcome, fromMs: number): void {
    const traced = tracedBatch(slices, { fromMs, toMs: this.#options.clock.nowMs(), reason, outcome });
    this.#toEach((observer) => observer.tracedBatchEnded?.(version.version.key, traced));
  }

  #tell(version: VersionQueue, outcome: Outcome, dies: number): void {
    if (!version.isShadow)
      this.#toEach((observer) => observer.callSettled?.(version.version.key, outcome, dies));
  }

  /** A fault of an observer must not reach the die's way: it would end the process or strand dies. */
  #toEach(tell: (observer: BatchingObserver) => void): void {
    const { observers, onObserverError } = this.#options;
    tellEach(observers, tell, (error) => onObserverError?.(error));
  }

  /** One timer for the nearest deadline or queue delay; it may fire early, and then does nothing. */
  #planWake(nowMs: number): void {
    let wakeAtMs = Number.POSITIVE_INFINITY;
    for (const version of this.#active) {
      wakeAtMs = Math.min(wakeAtMs, version.nearestDeadlineAtMs);
      const readyAtMs = version.readyAtMs();
      if (readyAtMs > nowMs) wakeAtMs = Math.min(wakeAtMs, readyAtMs);
    }
    for (const { nearestDeadlineAtMs } of this.#running) wakeAtMs = Math.min(wakeAtMs, nearestDeadlineAtMs);
    if (wakeAtMs >= this.#wakeAtMs) return;
    this.#cancelWake();
    this.#wakeAtMs = wakeAtMs;
    const inMs = Math.min(MAX_TIMER_MS, Math.ceil(Math.max(0, wakeAtMs - nowMs)));
    this.#cancelWake = this.#options.clock.after(inMs, () => {
      this.#wakeAtMs = Number.POSITIVE_INFINITY;
      this.#pump();
    });
  }

  #versionOf(key: string): VersionQueue {
    const version = this.#versions.get(key);
    if (version === undefined)
      throw new Refusal('model_not_ready', `${key} is not loaded`, { retryAfterSeconds: 1 });
    return version;
  }
}
