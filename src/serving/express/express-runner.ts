import type { CountsMessage } from '../../drift/drift-counter.js';
import type { GraphInfo } from '../../models/manifest/graph.js';
import { tellEach } from '../../observers.js';
import type { BatchOutcome, BatchRunner, BatchToRun } from '../runner.js';
import type { SessionSpec } from '../workers/messages.js';
import type { OpenedSession } from '../workers/open-version.js';
import type { WorkerPool } from '../workers/pool.js';
import { SessionHost } from '../workers/session-host.js';
import { type ExpressHost, ExpressLane, type ExpressObserver } from './express-lane.js';
import { Watchdog } from './watchdog.js';

/** What an {@link ExpressRunner} needs of the workers. */
type Workers = Pick<WorkerPool, 'idle' | 'onIdle' | 'open' | 'closeVersion' | 'run' | 'collectDrift'>;

interface ExpressRunnerOptions {
  readonly pool: Workers;
  /** Most dies of a batch that is run in this process, at least 1. */
  readonly maxDies: number;
  /** A run in this process that takes longer ends it. Milliseconds. */
  readonly hungMs: number;
  readonly observers: readonly ExpressObserver[];
  /** Called when an observer throws. */
  readonly onObserverError: (error: unknown) => void;
  readonly parts?: ExpressParts | undefined;
}

/** Other parts than its own, only for tests. */
export interface ExpressParts {
  readonly host?: ExpressHost;
  /** Compiled module of the thread that watches. */
  readonly watchdogThread?: URL;
}

/** Workers with an {@link ExpressLane} beside them: a batch takes one way or the other, and every version is open on both. */
export class ExpressRunner implements BatchRunner {
  readonly #pool: Workers;
  readonly #lane: ExpressLane;

  constructor({ pool, maxDies, hungMs, observers, onObserverError, parts = {} }: ExpressRunnerOptions) {
    this.#pool = pool;
    this.#lane = new ExpressLane({
      maxDies,
      host: parts.host ?? new SessionHost(),
      watchdog: new Watchdog(hungMs, parts.watchdogThread),
      tell: (tell) => tellEach(observers, tell, onObserverError),
    });
  }

  get idle(): number {
    return this.#pool.idle;
  }

  onIdle(listener: () => void): void {
    this.#pool.onIdle(listener);
  }

  /** Opens a version on every worker, and then in this process. @throws as `WorkerPool.open` */
  async open(spec: SessionSpec, check: (graph: GraphInfo) => void): Promise<OpenedSession> {
    const opened = await this.#pool.open(spec, check);
    await this.#lane.open(spec, opened.report);
    return opened;
  }

  async closeVersion(key: string): Promise<void> {
    await Promise.all([this.#pool.closeVersion(key), this.#lane.close(key)]);
  }

  run(batch: BatchToRun): Promise<BatchOutcome> {
    return this.#lane.takes(batch) ? this.#lane.run(batch) : this.#runInWorker(batch);
  }

  /** As `WorkerPool.collectDrift`, with what was counted in this process. */
  async collectDrift(key: string, receive: (counted: CountsMessage) => void): Promise<void> {
    receive(this.#lane.takeDrift(key));
    await this.#pool.collectDrift(key, receive);
  }

  /** Ends what watches this process; the workers are ended by who started them. */
  stop(): void {
    this.#lane.stop();
  }

  async #runInWorker(batch: BatchToRun): Promise<BatchOutcome> {
    const outcome = await this.#pool.run(batch);
    this.#lane.ranInWorker(batch, outcome);
    return outcome;
  }
}
