import type { CountsMessage } from '../../drift/drift-counter.js';
import { Fault } from '../../errors.js';
import type { BatchPolicy } from '../../models/batch-policy.js';
import type { GraphInfo } from '../../models/manifest/graph.js';
import { tellEach } from '../../observers.js';
import type { Clock } from '../clock.js';
import type { BatchOutcome, BatchRunner, BatchToRun } from '../runner.js';
import type { SessionSpec, WarmUpReport } from './messages.js';
import { type KeptModel, readKeptModel } from './model-bytes.js';
import { StandBy } from './stand-by.js';
import { WORKER_ENTRY, WorkerLost, WorkerProcess, WorkerRefused } from './worker-process.js';

/** Who is told of what happens to workers; told, never asked. */
export interface WorkerObserver {
  workerStarted?(pid: number | undefined): void;
  /** A worker that should have lived, the stand-by too, has ended; it is replaced after `restartInMs`, by the stand-by at once. */
  workerLost?(pid: number | undefined, reason: string, restartInMs: number): void;
  /** A replacement could not open a version that was open before. */
  reopenFailed?(key: string, reason: string): void;
}

export interface WorkerPoolOptions {
  /** Number of worker processes, at least 1. */
  readonly workers: number;
  /** Whether one more, which takes no batches, stands by for one that is lost; not if not given. */
  readonly standsBy?: boolean;
  readonly intraOpThreads: number;
  /** A batch that takes longer counts as hung: its worker is killed. Milliseconds. */
  readonly batchTimeoutMs: number;
  readonly clock: Clock;
  readonly observers: readonly WorkerObserver[];
  /** Called when an observer throws. */
  readonly onObserverError?: (error: unknown) => void;
  /** Compiled module that the processes run; another one only in tests. */
  readonly entry?: string;
}

/** What was found when a version was opened. */
export interface OpenedSession {
  readonly graph: GraphInfo;
  readonly report: WarmUpReport;
}

// Loading a large model from a slow volume takes seconds; a worker that needs a minute is broken.
const OPEN_TIMEOUT_MS = 60_000;
// A worker that dies again and again is started less and less often, up to this long apart.
const MAX_RESTART_DELAY_MS = 5_000;
// A version that loses this many workers while it opens is to blame.
const OPEN_ATTEMPTS = 2;
const RESTART_LOOK_MS = 20;

interface Slot {
  worker: WorkerProcess | undefined;
  /** Settles when the worker has said that it has started, or has failed to. */
  started: Promise<void>;
  /** Opened everything and may take batches. */
  ready: boolean;
  /** Losses since the last batch that came back. */
  losses: number;
}

/** A version as a worker that replaces another one opens it. */
interface OpenVersion {
  readonly spec: SessionSpec;
  /** How the first worker that opened it found that its dies are to be run; all others do the same. */
  readonly policy: BatchPolicy;
  /**
   * The file that was opened: the repository may have gone by then, or be on a volume that hangs. Undefined
   * where it could not be kept.
   */
  readonly model: KeptModel | undefined;
}

/** N worker processes, each with a warm session of every open version. */
export class WorkerPool implements BatchRunner {
  readonly #options: WorkerPoolOptions;
  readonly #slots: Slot[];
  // Every process that has not ended yet, also those that were killed and replaced.
  readonly #processes = new Set<WorkerProcess>();
  readonly #open = new Map<string, OpenVersion>();
  readonly #idleListeners: (() => void)[] = [];
  readonly #standBy: StandBy<OpenVersion> | undefined;
  #closing = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.workers }, () => ({
      worker: undefined,
      started: Promise.resolve(),
      ready: false,
      losses: 0,
    }));
    this.#standBy = options.standsBy === true ? this.#createStandBy() : undefined;
  }

  /** Number of workers that are configured. */
  get size(): number {
    return this.#slots.length;
  }

  /** Number of workers that have every version open and warm. */
  get ready(): number {
    return this.#slots.filter(({ ready }) => ready).length;
  }

  get idle(): number {
    let idle = 0;
    for (const { ready, worker } of this.#slots) if (ready && worker?.isFree) idle++;
    return idle;
  }

  /** Processes that hold a session of each open version: the workers, and the stand-by where there is one. */
  get copies(): number {
    return this.size + (this.#standBy === undefined ? 0 : 1);
  }

  /** Whether a stand-by has every version open and warm; it counts neither as ready nor as idle. */
  get isStandByReady(): boolean {
    return this.#standBy?.isReady ?? false;
  }

  /** Process id of the stand-by; undefined while there is none. */
  get standByPid(): number | undefined {
    return this.#standBy?.pid;
  }

  /** Process ids of the workers alive. */
  get pids(): number[] {
    return this.#slots.flatMap(({ worker }) => worker?.pid ?? []);
  }

  onIdle(listener: () => void): void {
    this.#idleListeners.push(listener);
  }

  /**
   * Starts every worker process, or none.
   * @throws Fault `worker_failed` when one does not come up
   */
  async start(): Promise<void> {
    try {
      await Promise.all(this.#slots.map((slot) => this.#launch(slot)));
      for (const slot of this.#slots) slot.ready = slot.worker !== undefined;
    } catch (error) {
      this.kill();
      const reason = error instanceof Error ? error.message : String(error);
      throw new Fault('worker_failed', [`a worker process did not start: ${reason}`], error);
    }
  }

  /**
   * Opens and warms up a version on every worker: on one first, so that a version that crashes its worker
   * takes no other one with it, then on the rest. Batches of other versions go on meanwhile.
   * @param check called with what each worker found in the graph, before any run; may throw
   * @throws WorkerRefused with ONNX Runtime's words when it cannot load or run the model
   * @throws WorkerLost when workers die over it
   */
  async open(spec: SessionSpec, check: (graph: GraphInfo) => void): Promise<OpenedSession> {
    const [first, ...rest] = this.#slots;
    if (first === undefined) throw new WorkerLost('there is no worker');
    try {
      const model = await readKeptModel(spec.modelFile, Object.keys(spec.files ?? {}));
      const opened = await this.#openOnSlot(first, spec, check);
      // From here on a worker that is replaced opens it as well.
      const { policy } = opened.report;
      this.#open.set(spec.key, { spec, policy, model });
      await Promise.all(rest.map((slot) => this.#openOnSlot(slot, spec, check, policy)));
      this.#standBy?.follow();
      return opened;
    } catch (error) {
      await this.closeVersion(spec.key);
      throw error;
    }
  }

  /**
   * Closes a version on every worker, after the batches that they were given before.
   * @returns resolves when all have; a worker that is lost meanwhile has closed it too
   */
  async closeVersion(key: string): Promise<void> {
    this.#open.delete(key);
    await Promise.all([...this.#slots.map(({ worker }) => closeOn(worker, key)), this.#standBy?.close(key)]);
    this.#tellIdle();
  }

  async run(batch: BatchToRun): Promise<BatchOutcome> {
    const slot = this.#slots.find(({ ready, worker }) => ready && worker?.isFree);
    if (slot?.worker === undefined) return { kind: 'lost', message: 'no worker was idle' };
    const { version: key, dies, params, explain, groups } = batch;
    try {
      const { scores, contributions, runMs } = await slot.worker.request(
        { type: 'run', key, dies, params, explain, groups },
        'ran',
        this.#options.batchTimeoutMs,
      );
      slot.losses = 0;
      return { kind: 'scored', scores, contributions, runMs };
    } catch (error) {
      if (error instanceof WorkerRefused) {
        slot.losses = 0;
        return { kind: 'threw', message: error.message };
      }
      if (error instanceof WorkerLost) return { kind: 'lost', message: error.message };
      throw error;
    }
  }

  /**
   * Asks every worker for what it has counted of a version since the last time, after the batch that it may be
   * running. A worker that is lost, or that does not have the version, is left out: its counts are gone.
   */
  async collectDrift(key: string, receive: (counted: CountsMessage) => void): Promise<void> {
    const { batchTimeoutMs } = this.#options;
    await Promise.all(
      this.#slots.map(async ({ worker, ready }) => {
        if (!ready || worker === undefined) return;
        try {
          // Its own time and that of the batch before it.
          receive(await worker.request({ type: 'drift', key }, 'drifted', 2 * batchTimeoutMs));
        } catch (error) {
          if (!(error instanceof WorkerLost || error instanceof WorkerRefused)) throw error;
        } finally {
          this.#tellIdle();
        }
      }),
    );
  }

  /** Ends every worker process at once. */
  kill(): void {
    this.#closing = true;
    for (const worker of this.#processes) worker.kill('the server process ends');
  }

  /** Ends every worker process and resolves when all are gone; a batch under way is lost. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all([...this.#processes].map((worker) => worker.close()));
  }

  /** Opens a version on the worker of a slot; once more when that one was lost over it or anything else. */
  async #openOnSlot(
    slot: Slot,
    spec: SessionSpec,
    check: (graph: GraphInfo) => void,
    policy?: BatchPolicy,
  ): Promise<OpenedSession> {
    for (let attempt = 1; ; attempt++) {
      await this.#workerOf(slot);
      try {
        if (slot.worker === undefined) throw new WorkerLost('the worker is not running');
        return await this.#openOn(slot.worker, spec, check, policy);
      } catch (error) {
        if (!(error instanceof WorkerLost) || attempt === OPEN_ATTEMPTS || this.#closing) throw error;
      } finally {
        // It may take batches of other versions while its neighbours still load.
        this.#tellIdle();
      }
    }
  }

  /** Waits until a slot has a worker that has started: one that was lost is being replaced. */
  async #workerOf(slot: Slot): Promise<void> {
    await slot.started;
    while (slot.worker === undefined && !this.#closing) {
      await new Promise<void>((resolve) => this.#options.clock.after(RESTART_LOOK_MS, resolve));
      await slot.started;
    }
  }

  async #openOn(
    worker: WorkerProcess,
    spec: SessionSpec,
    check: (graph: GraphInfo) => void,
    policy?: BatchPolicy,
    model?: KeptModel,
  ): Promise<OpenedSession> {
    const { intraOpThreads } = this.#options;
    const message = { type: 'open', spec, intraOpThreads, model } as const;
    const { graph } = await worker.request(message, 'opened', OPEN_TIMEOUT_MS);
    check(graph);
    const warm = { type: 'warm', key: spec.key, policy } as const;
    const { report } = await worker.request(warm, 'warmed', OPEN_TIMEOUT_MS);
    return { graph, report };
  }

  /** Starts a process; `started` resolves when it has said so. */
  #spawn(): { worker: WorkerProcess; started: Promise<void> } {
    const worker: WorkerProcess = new WorkerProcess({
      entry: this.#options.entry ?? WORKER_ENTRY,
      clock: this.#options.clock,
      onExit: (reason) => this.#ended(worker, reason),
    });
    this.#processes.add(worker);
    void worker.exited.then(() => this.#processes.delete(worker));
    const started = worker.started(OPEN_TIMEOUT_MS).then(() => {
      this.#toEach((observer) => observer.workerStarted?.(worker.pid));
    });
    // Also met where whoever waits for it comes later.
    started.catch(() => {});
    return { worker, started };
  }

  async #launch(slot: Slot): Promise<void> {
    const { worker, started } = this.#spawn();
    slot.worker = worker;
    // Whoever waits for the slot learns of a failure by finding no worker in it.
    slot.started = started.catch(() => {});
    await started;
  }

  #createStandBy(): StandBy<OpenVersion> {
    const { clock } = this.#options;
    return new StandBy({
      versions: this.#open,
      launch: () => this.#spawn(),
      open: (worker, version) => this.#reopen(worker, version),
      close: closeOn,
      after: (ms, run) =>
        clock.after(ms, () => {
          if (!this.#closing) run();
        }),
    });
  }

  /** A process has ended; which place it had may have changed since it was started. */
  #ended(worker: WorkerProcess, reason: string): void {
    const slot = this.#slots.find((one) => one.worker === worker);
    if (slot !== undefined) {
      this.#replace(slot, worker, reason);
      return;
    }
    if (this.#closing) return;
    const restartInMs = this.#standBy?.lost(worker, restartDelayMs);
    if (restartInMs !== undefined)
      this.#toEach((observer) => observer.workerLost?.(worker.pid, reason, restartInMs));
  }

  /** Puts the stand-by, or else another process, in the place of one that has ended. */
  #replace(slot: Slot, lost: WorkerProcess | undefined, reason: string): void {
    slot.ready = false;
    slot.worker = undefined;
    if (this.#closing) return;
    const restartInMs = restartDelayMs(slot.losses++);
    const standBy = this.#standBy?.take(restartInMs);
    if (standBy !== undefined) {
      slot.worker = standBy;
      slot.started = Promise.resolve();
      slot.ready = true;
    }
    const backInMs = standBy === undefined ? restartInMs : 0;
    this.#toEach((observer) => observer.workerLost?.(lost?.pid, reason, backInMs));
    this.#options.clock.after(backInMs, () => {
      if (this.#closing) return;
      if (standBy === undefined) void this.#revive(slot);
      else this.#tellIdle();
    });
  }

  async #revive(slot: Slot): Promise<void> {
    try {
      await this.#launch(slot);
      for (const version of this.#open.values()) {
        if (slot.worker === undefined) throw new WorkerLost('the worker ended while it opened its versions');
        await this.#reopen(slot.worker, version);
      }
      slot.ready = slot.worker !== undefined;
      this.#tellIdle();
    } catch (error) {
      // A worker lost while it starts has already been noted by its exit, which tries again. Anything
      // else (it spoke out of turn, no memory to fork) must come to the same, or the slot stays empty.
      if (error instanceof WorkerLost) return;
      const reason = error instanceof Error ? error.message : String(error);
      if (slot.worker === undefined) this.#replace(slot, undefined, reason);
      else slot.worker.kill(reason);
    }
  }

  async #reopen(worker: WorkerProcess, version: OpenVersion): Promise<void> {
    const { spec, policy, model } = version;
    try {
      await this.#openOn(worker, spec, () => {}, policy, model);
    } catch (error) {
      if (!(error instanceof WorkerRefused)) throw error;
      // Closed while it was opened.
      if (this.#open.get(spec.key) !== version) return;
      // Its dies are answered "threw" one by one; the other versions of this worker are well.
      const reason = error.message;
      this.#toEach((observer) => observer.reopenFailed?.(spec.key, reason));
    }
  }

  /** A fault of an observer must not keep a worker from being replaced. */
  #toEach(tell: (observer: WorkerObserver) => void): void {
    const { observers, onObserverError } = this.#options;
    tellEach(observers, tell, (error) => onObserverError?.(error));
  }

  #tellIdle(): void {
    for (const listener of this.#idleListeners) listener();
  }
}

/** Milliseconds until a worker is started in the place of one that is lost, by how many were lost before. */
function restartDelayMs(losses: number): number {
  return losses === 0 ? 0 : Math.min(MAX_RESTART_DELAY_MS, 50 * 2 ** Math.min(losses, 10));
}

/** Closes a version on a worker; one that is lost meanwhile has closed it too. */
async function closeOn(worker: WorkerProcess | undefined, key: string): Promise<void> {
  try {
    await worker?.request({ type: 'close', key }, 'closed', OPEN_TIMEOUT_MS);
  } catch (error) {
    if (!(error instanceof WorkerLost || error instanceof WorkerRefused)) throw error;
  }
}
