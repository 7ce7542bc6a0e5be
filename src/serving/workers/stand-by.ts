import { WorkerLost, type WorkerProcess } from './worker-process.js';

export interface StandByOptions<Version> {
  /** The versions that are open on the workers, by key, at any time. */
  readonly versions: ReadonlyMap<string, Version>;
  /** Starts a process; whoever learns of its end says so to `lost`. */
  readonly launch: () => { readonly worker: WorkerProcess; readonly started: Promise<void> };
  /** Opens and warms up a version there; resolves also when it cannot be opened. */
  readonly open: (worker: WorkerProcess, version: Version) => Promise<void>;
  /** Closes a version there; resolves also when the process has gone. */
  readonly close: (worker: WorkerProcess, key: string) => Promise<void>;
  readonly after: (ms: number, run: () => void) => void;
}

interface Candidate<Version> {
  readonly worker: WorkerProcess;
  readonly started: Promise<void>;
  /** What it has open and warm, as it was opened: a key may have been closed and opened anew since. */
  readonly opened: Map<string, Version>;
  hasStarted: boolean;
  isOpening: boolean;
}

/**
 * One worker process more, which takes no batches: it opens what the workers have open, behind them, and takes the
 * place of one that is lost. There is none before the first version is open.
 */
export class StandBy<Version> {
  readonly #options: StandByOptions<Version>;
  #candidate: Candidate<Version> | undefined;
  /** The next process is to be started later. */
  #isDue = false;
  /** Losses since one was taken. */
  #losses = 0;

  constructor(options: StandByOptions<Version>) {
    this.#options = options;
  }

  /** Process id; undefined while there is no process. */
  get pid(): number | undefined {
    return this.#candidate?.worker.pid;
  }

  /** Whether it has every version open and warm. */
  get isReady(): boolean {
    return this.#candidate?.hasStarted === true && this.#missing(this.#candidate) === undefined;
  }

  /** Opens what it lacks, behind; starts the process first where there is none. */
  follow(): void {
    if (this.#candidate === undefined) this.#start();
    else void this.#catchUp(this.#candidate);
  }

  /** Closes a version that `versions` no longer holds. */
  async close(key: string): Promise<void> {
    this.#candidate?.opened.delete(key);
    if (this.#candidate !== undefined) await this.#options.close(this.#candidate.worker, key);
  }

  /**
   * Gives its process away when that is ready, and starts another one behind.
   * @param nextInMs when to start that
   */
  take(nextInMs: number): WorkerProcess | undefined {
    if (this.#candidate === undefined || !this.isReady) return undefined;
    const { worker } = this.#candidate;
    this.#candidate = undefined;
    this.#losses = 0;
    this.#startAfter(nextInMs);
    return worker;
  }

  /**
   * Takes note of the end of a process, and starts another one.
   * @param delayOf milliseconds until then, by how many were lost before
   * @returns those milliseconds; undefined where the process was not the stand-by's
   */
  lost(worker: WorkerProcess, delayOf: (losses: number) => number): number | undefined {
    if (this.#candidate?.worker !== worker) return undefined;
    this.#candidate = undefined;
    const delayMs = delayOf(this.#losses++);
    this.#startAfter(delayMs);
    return delayMs;
  }

  #startAfter(ms: number): void {
    this.#isDue = true;
    this.#options.after(ms, () => {
      this.#isDue = false;
      this.#start();
    });
  }

  #start(): void {
    if (this.#isDue || this.#options.versions.size === 0) return;
    this.#candidate = { ...this.#options.launch(), opened: new Map(), hasStarted: false, isOpening: false };
    void this.#catchUp(this.#candidate);
  }

  async #catchUp(candidate: Candidate<Version>): Promise<void> {
    // The round under way finds what has come meanwhile.
    if (candidate.isOpening) return;
    candidate.isOpening = true;
    try {
      await candidate.started;
      candidate.hasStarted = true;
      for (let key = this.#missing(candidate); key !== undefined; key = this.#missing(candidate))
        await this.#open(candidate, key);
    } catch (error) {
      // Its end comes to `lost`, or is made to.
      if (!(error instanceof WorkerLost))
        candidate.worker.kill(error instanceof Error ? error.message : String(error));
    } finally {
      candidate.isOpening = false;
    }
  }

  async #open({ worker, opened }: Candidate<Version>, key: string): Promise<void> {
    const version = this.#options.versions.get(key);
    if (version === undefined) return;
    await this.#options.open(worker, version);
    // Closed while it was opened: the worker has been told.
    if (this.#options.versions.get(key) === version) opened.set(key, version);
  }

  /** A version that it does not have. */
  #missing({ opened }: Candidate<Version>): string | undefined {
    for (const [key, version] of this.#options.versions) if (opened.get(key) !== version) return key;
    return undefined;
  }
}
