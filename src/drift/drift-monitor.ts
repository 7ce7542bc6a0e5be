import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DieLabel } from '../die/die.js';
import type { ModelVersion } from '../models/model-version.js';
import type { Clock } from '../serving/clock.js';
import type { CountsMessage } from './drift-counter.js';
import type { DriftEvent } from './events.js';
import type { DriftReport } from './report.js';
import { type DriftSettings, type DriftSummary, VersionDrift } from './version-drift.js';

/** Where counts come from: the workers, seen from here. */
export interface DriftSource {
  /**
   * Asks every worker for what it has counted of a version since the last time; each answer is handed over
   * as it comes. A worker that is lost takes its counts with it. Never rejects.
   */
  collectDrift(key: string, receive: (counted: CountsMessage) => void): Promise<void>;
}

interface DriftMonitorOptions {
  readonly source: DriftSource;
  readonly clock: Clock;
  /** The time of day. */
  readonly now: () => Date;
  readonly settings: DriftSettings;
  /** Told of what starts and ends; a fault of theirs is told to `onError`. */
  readonly observers: readonly ((event: DriftEvent) => void)[];
  readonly onError: (error: unknown) => void;
  /** Lets others have the event loop; the next turn of it by default. */
  readonly giveWay?: () => Promise<void>;
}

// Counts are fetched this often in a step: a worker that is lost takes at most so much with it.
const COLLECTIONS_PER_STEP = 5;
// A report waits no longer than this for workers that are busy; they are in the next one.
const REPORT_WAIT_MS = 1_000;
// Whoever asks again and again is answered from the same counts.
const REPORT_FRESH_MS = 1_000;

/** Drift of every version with a reference: fetches what the workers count and ends the steps. */
export class DriftMonitor {
  readonly #options: DriftMonitorOptions;
  readonly #versions = new Map<string, VersionDrift>();
  readonly #collecting = new Map<string, Promise<void>>();
  readonly #collectedAtMs = new Map<string, number>();
  #collections = 0;
  #stop: () => void = () => {};

  constructor(options: DriftMonitorOptions) {
    this.#options = options;
  }

  /** Begins to watch a version; one without a reference has no drift. */
  add(version: ModelVersion): void {
    const { reference } = version;
    if (reference === undefined) return;
    const { settings, giveWay = () => nextTurn() } = this.#options;
    this.#versions.set(version.key, new VersionDrift({ ...version, reference }, settings, giveWay));
  }

  /** Forgets a version. */
  remove(key: string): void {
    this.#versions.delete(key);
    this.#collectedAtMs.delete(key);
  }

  /** The group of each die of a call, for the workers; undefined where the version is not watched. */
  groupsOf(key: string, labels: readonly DieLabel[]): Float32Array | undefined {
    return this.#versions.get(key)?.groupsOf(labels);
  }

  /** Begins to fetch and judge, until `close`. */
  start(): void {
    const everyMs = (this.#options.settings.stepMinutes * 60_000) / COLLECTIONS_PER_STEP;
    this.#stop = this.#options.clock.after(everyMs, () => {
      this.start();
      this.#tick().catch(this.#options.onError);
    });
  }

  close(): void {
    this.#stop();
  }

  /**
   * The full table of a version, of all dies or of one equipment; undefined where it is not watched.
   * @throws Refusal `invalid_input` (as a rejection) for an equipment without dies in the window
   */
  async report(key: string, equipmentId?: string): Promise<DriftReport | undefined> {
    const { clock, now } = this.#options;
    const version = this.#versions.get(key);
    if (version === undefined) return undefined;
    const collectedAtMs = this.#collectedAtMs.get(key) ?? Number.NEGATIVE_INFINITY;
    if (clock.nowMs() - collectedAtMs >= REPORT_FRESH_MS) {
      await new Promise<void>((resolve) => {
        const cancel = clock.after(REPORT_WAIT_MS, resolve);
        void this.#collect(key).then(() => {
          cancel();
          resolve();
        });
      });
    }
    return version.report(now(), equipmentId);
  }

  /** What metrics show: of each version what its last step or its last report has found. */
  summaries(): DriftSummary[] {
    return [...this.#versions.values()].map((version) => version.summary);
  }

  async #tick(): Promise<void> {
    this.#collections++;
    await Promise.all([...this.#versions.keys()].map((key) => this.#collect(key)));
    if (this.#collections % COLLECTIONS_PER_STEP !== 0) return;
    for (const version of [...this.#versions.values()])
      for (const event of await version.endStep(this.#options.now(), randomUUID)) this.#tell(event);
  }

  /** One collection of a version at a time; who comes meanwhile shares it. */
  #collect(key: string): Promise<void> {
    const under = this.#collecting.get(key);
    if (under !== undefined) return under;
    this.#collectedAtMs.set(key, this.#options.clock.nowMs());
    const collection = this.#options.source
      .collectDrift(key, (counted) => this.#versions.get(key)?.add(counted))
      .catch(this.#options.onError)
      .finally(() => this.#collecting.delete(key));
    this.#collecting.set(key, collection);
    return collection;
  }

  #tell(event: DriftEvent): void {
    for (const observe of this.#options.observers) {
      try {
        observe(event);
      } catch (error) {
        this.#options.onError(error);
      }
    }
  }
}
