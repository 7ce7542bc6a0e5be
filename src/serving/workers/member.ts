import type { GraphInfo } from '../../models/manifest/graph.js';
import type { SessionSpec } from './messages.js';
import type { OpenedSession, OpenVersion } from './open-version.js';
import { WorkerLost, type WorkerProcess, WorkerRefused } from './worker-process.js';

// Loading a large model from a slow volume takes seconds; a worker that needs a minute is broken.
const OPEN_TIMEOUT_MS = 60_000;

/** What a crew needs of a worker process. */
export type Worker = Pick<
  WorkerProcess,
  'pid' | 'isFree' | 'exited' | 'started' | 'request' | 'kill' | 'close'
>;

/** One worker process, and what it has open and warm. */
export class Member {
  readonly worker: Worker;
  /** Resolves when the process has said that it has started. */
  readonly started: Promise<void>;
  readonly #intraOpThreads: number;
  // As it was opened: a key may have been closed and opened anew since.
  readonly #opened = new Map<string, OpenVersion>();
  #hasStarted = false;
  #opening: OpenVersion | 'trial' | undefined;

  constructor(worker: Worker, intraOpThreads: number) {
    this.worker = worker;
    this.#intraOpThreads = intraOpThreads;
    this.started = worker.started(OPEN_TIMEOUT_MS).then(() => {
      this.#hasStarted = true;
    });
    // Also met where whoever waits for it comes later.
    this.started.catch(() => {});
  }

  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** What it is busy with; undefined for nothing. */
  get opening(): OpenVersion | 'trial' | undefined {
    return this.#opening;
  }

  has(version: OpenVersion): boolean {
    return this.#opened.get(version.spec.key) === version;
  }

  /** Notes that it has a version, which it has just tried, or which it will never be able to open. */
  note(version: OpenVersion): void {
    this.#opened.set(version.spec.key, version);
  }

  /**
   * Opens a version for the first time anywhere, and finds out how its dies are to be run.
   * @param check called with what the graph holds, before any run; may throw
   * @throws WorkerRefused with ONNX Runtime's words when it cannot load or run the model
   * @throws WorkerLost when the process dies over it
   */
  async try(spec: SessionSpec, check: (graph: GraphInfo) => void): Promise<OpenedSession> {
    this.#opening = 'trial';
    try {
      return await this.#open({ spec }, check);
    } catch (error) {
      await this.close(spec.key);
      throw error;
    } finally {
      this.#opening = undefined;
    }
  }

  /**
   * Opens a version as it was opened before, and warms it up.
   * @throws as `try`
   */
  async open(version: OpenVersion): Promise<void> {
    this.#opening = version;
    try {
      await this.#open(version);
    } finally {
      this.#opening = undefined;
    }
  }

  /** Closes a version, after what the process was asked before; one that is lost meanwhile has closed it too. */
  async close(key: string): Promise<void> {
    this.#opened.delete(key);
    await this.#closing({ type: 'close', key });
  }

  async #closing(message: { type: 'close'; key: string }): Promise<void> {
    try {
      await this.worker.request(message, 'closed', OPEN_TIMEOUT_MS);
    } catch (error) {
      if (!(error instanceof WorkerLost || error instanceof WorkerRefused)) throw error;
    }
  }

  async #open(
    { spec, model, policy }: Partial<OpenVersion> & Pick<OpenVersion, 'spec'>,
    check: (graph: GraphInfo) => void = () => {},
  ): Promise<OpenedSession> {
    const message = { type: 'open', spec, intraOpThreads: this.#intraOpThreads, model } as const;
    const { graph } = await this.worker.request(message, 'opened', OPEN_TIMEOUT_MS);
    check(graph);
    const warm = { type: 'warm', key: spec.key, policy } as const;
    const { report } = await this.worker.request(warm, 'warmed', OPEN_TIMEOUT_MS);
    return { graph, report };
  }
}
