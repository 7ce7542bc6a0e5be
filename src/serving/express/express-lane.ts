import { stat } from 'node:fs/promises';
import type { CountsMessage } from '../../drift/drift-counter.js';
import { BatchCost } from '../batching/version-queue.js';
import type { BatchOutcome, BatchToRun } from '../runner.js';
import type { SessionSpec, WarmUpReport } from '../workers/messages.js';
import { ortReason } from '../workers/ort-reason.js';
import type { SessionHost } from '../workers/session-host.js';
import { STALL_MS, TrackRecord, type TrustLevel } from './track-record.js';
import type { Watchdog } from './watchdog.js';

/** A batch that is expected to take longer goes to a worker: so long no socket is read. Milliseconds. */
const MAX_RUN_MS = 0.5;

/** A larger file is not opened here: to read and to open it would stop the event loop for too long. Bytes. */
const MAX_MODEL_BYTES = 16 * 1024 * 1024;

/** What holds the sessions of this process. */
export type ExpressHost = Pick<SessionHost, 'open' | 'warm' | 'run' | 'takeDrift' | 'close'>;

/** Who is told of what becomes of versions in the express lane. */
export interface ExpressObserver {
  /** Its level of trust is another one now, and why. */
  levelChanged?(version: string, level: TrustLevel, reason: string): void;
  /** It is open in workers only, until it is loaded anew. */
  leftOut?(version: string, reason: string): void;
  /** It is not loaded any more. */
  closed?(version: string): void;
  /** Dies were scored in this process. */
  ran?(version: string, dies: number): void;
}

interface ExpressLaneOptions {
  /** Most dies of a batch, at least 1. */
  readonly maxDies: number;
  readonly host: ExpressHost;
  readonly watchdog: Pick<Watchdog, 'watch' | 'close'>;
  readonly tell: (tell: (observer: ExpressObserver) => void) => void;
}

interface OpenedVersion {
  readonly record: TrackRecord;
  /** By the runs in workers, and then by those here: milliseconds of `session.run`. */
  readonly cost: BatchCost;
  /** float32 [maxDies, parameters], from the start of memory of its own: as workers have their rows. */
  readonly rows: Float32Array;
}

/**
 * Runs small batches in the server process itself: a die that is alone spares two processes being woken for it, which costs more than
 * its run. What is given up for it: while a batch runs no socket is read, and a model that crashes or hangs takes the server
 * process with it. So a version has to have proven itself in workers ({@link TrackRecord}), is not run here where that is
 * expected to take longer than {@link MAX_RUN_MS}, and a {@link Watchdog} ends a process that hangs.
 */
export class ExpressLane {
  readonly #options: ExpressLaneOptions;
  readonly #versions = new Map<string, OpenedVersion>();
  #isBusy = false;

  constructor(options: ExpressLaneOptions) {
    this.#options = options;
  }

  /**
   * Opens a version that every worker has open, where its file is small and its outputs here are those of the workers, bit for bit.
   * Where not, or where it cannot be opened, it stays with the workers.
   * @param report what the first worker found
   */
  async open(spec: SessionSpec, report: WarmUpReport): Promise<void> {
    const { maxDies, host } = this.#options;
    const reason = await this.#reasonAgainst(spec, report);
    if (reason !== undefined) {
      await host.close(spec.key);
      this.#options.tell((observer) => observer.leftOut?.(spec.key, reason));
      return;
    }
    this.#versions.set(spec.key, {
      record: new TrackRecord(),
      cost: new BatchCost(),
      rows: new Float32Array(maxDies * spec.parameterCount),
    });
    this.#tellLevel(spec.key, 'proving', 'it is loaded');
  }

  /** Closes a version; no batch of it may be running. */
  async close(key: string): Promise<void> {
    if (this.#versions.delete(key)) this.#options.tell((observer) => observer.closed?.(key));
    await this.#options.host.close(key);
  }

  /** Whether a batch is to be run here and now. */
  takes({ version, dies, explain, isAlone }: BatchToRun): boolean {
    if (!isAlone || this.#isBusy || explain || dies > this.#options.maxDies) return false;
    const opened = this.#versions.get(version);
    return opened !== undefined && opened.record.level === 'trusted' && opened.cost.of(dies) <= MAX_RUN_MS;
  }

  /** Runs a batch that {@link takes} has said yes to. Never rejects. */
  async run({ version: key, dies, params, groups }: BatchToRun): Promise<BatchOutcome> {
    const { host, watchdog, tell } = this.#options;
    const opened = this.#versions.get(key);
    if (opened === undefined) return { kind: 'lost', message: `${key} is not open in the server process` };
    // The caller may use its memory again when this returns, and the run comes later.
    opened.rows.set(params);
    const rows = opened.rows.subarray(0, params.length);
    const batch = { key, dies, params: rows, explain: false, groups: groups?.slice() };
    this.#isBusy = true;
    const watched = watchdog.watch();
    try {
      const { scores, contributions, runMs } = await host.run(batch);
      opened.cost.observe(dies, runMs);
      if (runMs > STALL_MS) this.#doubt(key, opened, `a run took ${runMs.toFixed(1)} ms`);
      tell((observer) => observer.ran?.(key, dies));
      return { kind: 'scored', scores, contributions, runMs, isExpress: true };
    } catch (error) {
      const message = ortReason(error instanceof Error ? error.message : String(error));
      this.#doubt(key, opened, `the model threw: ${message}`);
      return { kind: 'threw', message };
    } finally {
      watched.end();
      this.#isBusy = false;
    }
  }

  /** Takes note of what became of a batch that a worker ran. */
  ranInWorker({ version: key, dies, explain }: BatchToRun, outcome: BatchOutcome): void {
    const opened = this.#versions.get(key);
    if (opened === undefined) return;
    const { record, cost } = opened;
    const before = record.level;
    switch (outcome.kind) {
      case 'scored':
        record.scored();
        if (!explain) cost.observe(dies, outcome.runMs);
        if (record.level !== before) this.#tellLevel(key, record.level, 'it has proven itself');
        return;
      case 'threw':
        this.#doubt(key, opened, `the model threw: ${outcome.message}`);
        return;
      case 'lost':
        record.lostWorker();
        if (before !== 'barred') this.#tellLevel(key, 'barred', `a worker was lost: ${outcome.message}`);
    }
  }

  /** Hands over what was counted of a version's drift here since the last time. */
  takeDrift(key: string): CountsMessage {
    return this.#options.host.takeDrift(key);
  }

  /** Watches no longer. */
  stop(): void {
    this.#options.watchdog.close();
  }

  #doubt(key: string, { record }: OpenedVersion, reason: string): void {
    const before = record.level;
    record.doubted();
    if (before === 'trusted') this.#tellLevel(key, 'proving', reason);
  }

  #tellLevel(key: string, level: TrustLevel, reason: string): void {
    this.#options.tell((observer) => observer.levelChanged?.(key, level, reason));
  }

  /** Why a version is not run here; undefined where it is open and as it should be. */
  async #reasonAgainst(spec: SessionSpec, report: WarmUpReport): Promise<string | undefined> {
    const { host, maxDies } = this.#options;
    try {
      const files = Object.keys(spec.files ?? {});
      const { size } = await stat(spec.modelFile);
      if (files.length > 0 || size > MAX_MODEL_BYTES)
        return `its model has ${size} bytes${files.length > 0 ? ' and further files' : ''}, expected one file of at most ${MAX_MODEL_BYTES}`;
      await host.open({ ...spec, maxBatchSize: Math.min(maxDies, spec.maxBatchSize) }, 1);
      await host.warm(spec.key, report.policy);
      return await this.#differsFromWorkers(spec, report.scores);
    } catch (error) {
      return `it cannot be opened here: ${ortReason(error instanceof Error ? error.message : String(error))}`;
    }
  }

  /** @param scores float32 [probes, outputs] of the first worker */
  async #differsFromWorkers(
    { key, probes, parameterCount }: SessionSpec,
    scores: Float32Array,
  ): Promise<string | undefined> {
    const rows = probes.length / parameterCount;
    const width = scores.length / rows;
    for (let row = 0; row < rows; row++) {
      const params = probes.slice(row * parameterCount, (row + 1) * parameterCount);
      const found = await this.#options.host.run({ key, dies: 1, params, explain: false });
      const expected = scores.subarray(row * width, (row + 1) * width);
      if (found.scores.every((value, i) => Object.is(value, expected[i]))) continue;
      return `probe ${row} has outputs ${found.scores.join(', ')} here and ${expected.join(', ')} in a worker`;
    }
    return undefined;
  }
}
