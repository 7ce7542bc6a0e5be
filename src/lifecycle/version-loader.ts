import { Fault, Refusal } from '../errors.js';
import type { Catalogue, CatalogueEntry } from '../models/catalogue.js';
import type { Batcher } from '../serving/batching/batcher.js';
import type { Clock } from '../serving/clock.js';
import { loadVersion, type VersionRunner } from '../serving/load-version.js';
import type { CheckSignature } from '../signatures/version-signatures.js';

/** Who is told of versions that come and go; told, never asked. */
export interface LoadObserver {
  versionLoaded?(entry: CatalogueEntry): void;
  versionUnloaded?(entry: CatalogueEntry): void;
}

export interface VersionLoaderOptions {
  readonly catalogue: Catalogue;
  readonly runner: VersionRunner;
  readonly batcher: Batcher;
  readonly clock: Clock;
  readonly observers: readonly LoadObserver[];
  /** Undefined where signatures are not looked at. */
  readonly checkSignature?: CheckSignature | undefined;
}

/**
 * Brings versions up on every worker and takes them down again, one at a time: a load costs each worker
 * some milliseconds, and two at once would cost the dies in the queues twice that.
 */
export class VersionLoader {
  readonly #options: VersionLoaderOptions;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: VersionLoaderOptions) {
    this.#options = options;
  }

  /**
   * Loads a version beside those that are loaded; does nothing when it is ready already.
   * @throws Refusal `version_not_found`
   * @throws Fault `invalid_model` with one line for each problem; the version is then marked as failed
   */
  load(key: string): Promise<void> {
    return this.#inTurn(() => this.#load(key));
  }

  /** Takes a version down: no die is given to it from now on, those that it has are finished. */
  unload(key: string): Promise<void> {
    return this.#inTurn(async () => {
      const { catalogue, batcher, runner } = this.#options;
      if (catalogue.entry(key)?.state !== 'ready') return;
      catalogue.markUnloaded(key);
      await batcher.remove(key);
      await runner.closeVersion(key);
      this.#tell('versionUnloaded', key);
    });
  }

  async #load(key: string): Promise<void> {
    const { catalogue } = this.#options;
    const { state, version, reason } = this.#entry(key);
    if (state === 'ready') return;
    if (version === undefined) throw new Fault('invalid_model', [reason ?? `${key} cannot be read`]);
    catalogue.markLoading(key);
    try {
      const signature = await this.#options.checkSignature?.(version);
      const report = await loadVersion(version, this.#options);
      catalogue.markReady(key, { ...report, ...(signature !== undefined && { signature }) });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      catalogue.markFailed(key, error instanceof Fault ? error.problems.join('; ') : reason);
      throw error;
    }
    this.#tell('versionLoaded', key);
  }

  #entry(key: string): CatalogueEntry {
    const entry = this.#options.catalogue.entry(key);
    if (entry === undefined) throw new Refusal('version_not_found', `there is no version "${key}"`);
    return entry;
  }

  #tell(what: keyof LoadObserver, key: string): void {
    const entry = this.#options.catalogue.entry(key);
    if (entry !== undefined) for (const observer of this.#options.observers) observer[what]?.(entry);
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act);
    // A failure is its caller's; the next one's turn comes all the same.
    this.#turn = turn.catch(() => {});
    return turn;
  }
}
