import type { CountsMessage } from '../../drift/drift-counter.js';
import { Fault } from '../../errors.js';
import type { GraphInfo } from '../../models/manifest/graph.js';
import { tellEach } from '../../observers.js';
import type { Clock } from '../clock.js';
import type { BatchOutcome, BatchRunner, BatchToRun } from '../runner.js';
import { Crew } from './crew.js';
import { LeftCounts } from './left-counts.js';
import type { SessionSpec } from './messages.js';
import { readKeptModel } from './model-bytes.js';
import type { OpenedSession } from './open-version.js';
import type { WorkerObserver } from './worker-observer.js';
import { WORKER_ENTRY, WorkerLost, WorkerProcess, WorkerRefused } from './worker-process.js';

export interface WorkerPoolOptions {
  /** Number of worker processes, at least 1. */
  readonly workers: number;
  /** Processes that take no batches and stand by for one that is lost; 0 if not given. */
  readonly standBys?: number;
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

/** N worker processes, each with a warm session of every open version. */
export class WorkerPool implements BatchRunner {
  readonly #options: WorkerPoolOptions;
  readonly #crew: Crew;
  readonly #counts: LeftCounts;
  readonly #idleListeners: (() => void)[] = [];

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    // A worker's own time and that of the batch before it.
    this.#counts = new LeftCounts(2 * options.batchTimeoutMs);
    this.#crew = this.#createCrew();
  }

  /** Number of workers that are configured. */
  get size(): number {
    return this.#options.workers;
  }

  /** Number of workers that have every version open and warm. */
  get ready(): number {
    return this.#crew.members.length;
  }

  get idle(): number {
    return this.#crew.countIdle();
  }

  /** Processes that hold a session of each open version: the workers, and those that stand by. */
  get copies(): number {
    return this.size + (this.#options.standBys ?? 0);
  }

  /** Processes that have every version open and warm and stand by; they count neither as ready nor as idle. */
  get standingBy(): number {
    return this.#crew.standingBy.length;
  }

  /** Process ids of those that stand by, or are on their way to it, or open a version beside. */
  get pidsBeside(): number[] {
    return this.#crew.reservePids;
  }

  /** Process ids of the workers that take batches. */
  get pids(): number[] {
    return this.#crew.members.flatMap(({ worker }) => worker.pid ?? []);
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
      await this.#crew.start();
    } catch (error) {
      this.kill();
      const reason = error instanceof Error ? error.message : String(error);
      throw new Fault('worker_failed', [`a worker process did not start: ${reason}`], error);
    }
  }

  /**
   * Dies are answered: from now on a version is opened in a process of its own, which then takes the place of a worker,
   * and no worker that takes batches opens anything. Until then each opens versions itself, which is quicker.
   */
  openBeside(): void {
    this.#crew.openBeside();
  }

  /**
   * Opens and warms up a version on every worker: on one first, so that a version that crashes its worker
   * takes no other one with it, then on the rest. Batches of other versions go on meanwhile.
   * @param check called with what the first worker found in the graph, before any run; may throw
   * @throws WorkerRefused with ONNX Runtime's words when it cannot load or run the model
   * @throws WorkerLost when workers die over it
   */
  async open(spec: SessionSpec, check: (graph: GraphInfo) => void): Promise<OpenedSession> {
    const reading = readKeptModel(spec.modelFile, Object.keys(spec.files ?? {}));
    let found: OpenedSession | undefined;
    try {
      await this.#crew.load(async (member) => {
        found = await member.try(spec, check);
        // It may take batches of other versions while its neighbours still load.
        this.#tellIdle();
        return { spec, policy: found.report.policy, model: await reading };
      });
      if (found === undefined) throw new WorkerLost('no worker has tried it');
      return found;
    } catch (error) {
      await this.closeVersion(spec.key);
      throw error;
    } finally {
      this.#tellIdle();
    }
  }

  /**
   * Closes a version on every worker, after the batches that they were given before.
   * @returns resolves when all have; a worker that is lost meanwhile has closed it too
   */
  async closeVersion(key: string): Promise<void> {
    this.#counts.drop(key);
    await this.#crew.close(key);
    this.#tellIdle();
  }

  async run(batch: BatchToRun): Promise<BatchOutcome> {
    const member = this.#crew.idle();
    if (member === undefined) return { kind: 'lost', message: 'no worker was idle' };
    const { version: key, dies, params, explain, hashesRows, groups } = batch;
    try {
      const { scores, contributions, runMs, rowHashes } = await member.worker.request(
        { type: 'run', key, dies, params, explain, hashesRows, groups },
        'ran',
        this.#options.batchTimeoutMs,
      );
      this.#crew.answered(member);
      const scored = { kind: 'scored' as const, scores, contributions, runMs };
      return rowHashes === undefined ? scored : { ...scored, rowHashes: bytesOf(rowHashes) };
    } catch (error) {
      if (error instanceof WorkerRefused) {
        this.#crew.answered(member);
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
    this.#counts.take(key, receive);
    const asked = this.#crew.members.map((member) => this.#counts.ask(member, key, receive));
    await Promise.all(asked.map((answered) => answered.finally(() => this.#tellIdle())));
  }

  /** Ends every worker process at once. */
  kill(): void {
    this.#crew.kill();
  }

  /** Ends every worker process and resolves when all are gone; a batch under way is lost. */
  close(): Promise<void> {
    return this.#crew.end();
  }

  #createCrew(): Crew {
    const { workers, standBys = 0, intraOpThreads, clock, entry = WORKER_ENTRY } = this.#options;
    return new Crew({
      places: workers,
      standBys,
      intraOpThreads,
      clock,
      launch: (onExit) => new WorkerProcess({ entry, clock, onExit }),
      events: {
        started: ({ worker }) => this.#toEach((observer) => observer.workerStarted?.(worker.pid)),
        placed: ({ worker }) => {
          this.#toEach((observer) => observer.workerServes?.(worker.pid));
          this.#tellIdle();
        },
        lost: ({ worker }, reason, restartInMs) =>
          this.#toEach((observer) => observer.workerLost?.(worker.pid, reason, restartInMs)),
        displaced: (member) => this.#counts.keep(member, this.#countedVersions()),
        left: ({ worker }) => this.#toEach((observer) => observer.workerLeft?.(worker.pid)),
        refused: ({ spec }, reason) => this.#toEach((observer) => observer.reopenFailed?.(spec.key, reason)),
      },
    });
  }

  #countedVersions(): string[] {
    return [...this.#crew.served.values()]
      .filter(({ spec }) => spec.drift !== undefined)
      .map(({ spec }) => spec.key);
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

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
