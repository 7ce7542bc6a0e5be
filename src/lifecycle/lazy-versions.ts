import type { Catalogue } from '../models/catalogue.js';
import type { Clock } from '../serving/clock.js';
import type { VersionLoader } from './version-loader.js';

export interface LazyVersionsOptions {
  readonly catalogue: Catalogue;
  readonly loader: VersionLoader;
  readonly clock: Clock;
  /** Bytes of model files that lazy versions may hold in all workers together. */
  readonly budgetBytes: number;
  /** Each worker holds every loaded version. */
  readonly workers: number;
}

/** A lazy version that is loaded. */
export interface Resident {
  readonly key: string;
  readonly bytes: number;
  readonly lastUsedMs: number;
}

/** Versions that are loaded at their first use, and leave by least recent use when others need the memory. */
export class LazyVersions {
  readonly #options: LazyVersionsOptions;
  readonly #lastUsedMs = new Map<string, number>();
  readonly #loading = new Map<string, Promise<void>>();

  constructor(options: LazyVersionsOptions) {
    this.#options = options;
  }

  /** Whether a model's versions are loaded at their first use. */
  isLazy(name: string): boolean {
    return this.#options.catalogue.serving.models[name]?.lazy === true;
  }

  /** Notes that a version is being used. */
  touch(key: string): void {
    this.#lastUsedMs.set(key, this.#options.clock.nowMs());
  }

  /**
   * Loads a version, after others have left for it where need be; callers at the same time share one load.
   * @throws Fault `invalid_model` when it cannot be loaded
   */
  load(key: string): Promise<void> {
    const under = this.#loading.get(key);
    if (under !== undefined) return under;
    const loading = this.#makeRoom(key)
      .then(() => this.#options.loader.load(key))
      .finally(() => this.#loading.delete(key));
    this.#loading.set(key, loading);
    return loading;
  }

  async #makeRoom(key: string): Promise<void> {
    const { loader, budgetBytes } = this.#options;
    this.touch(key);
    for (const leaving of evictionsFor(this.#bytesOf(key), this.#residents(), budgetBytes)) {
      await loader.unload(leaving);
    }
  }

  #residents(): Resident[] {
    return this.#options.catalogue
      .entries()
      .filter(({ name, state }) => state === 'ready' && this.isLazy(name))
      .map(({ key }) => ({
        key,
        bytes: this.#bytesOf(key),
        lastUsedMs: this.#lastUsedMs.get(key) ?? Number.NEGATIVE_INFINITY,
      }));
  }

  #bytesOf(key: string): number {
    const { catalogue, workers } = this.#options;
    return (catalogue.entry(key)?.version?.modelBytes ?? 0) * workers;
  }
}

/**
 * Keys of the residents that leave so that `bytes` more fit into the budget: the least recently used
 * first, and no more than needed. A version larger than the whole budget drives out all others.
 */
export function evictionsFor(bytes: number, residents: readonly Resident[], budgetBytes: number): string[] {
  let held = residents.reduce((sum, resident) => sum + resident.bytes, 0);
  const leaving: string[] = [];
  for (const resident of residents.toSorted((a, b) => a.lastUsedMs - b.lastUsedMs)) {
    if (held + bytes <= budgetBytes) break;
    leaving.push(resident.key);
    held -= resident.bytes;
  }
  return leaving;
}
