import type { Catalogue } from '../models/catalogue.js';
import type { Clock } from '../serving/clock.js';
import { trafficOf } from './needed-versions.js';
import type { VersionLoader } from './version-loader.js';

interface LazyVersionsOptions {
  readonly catalogue: Catalogue;
  readonly loader: VersionLoader;
  readonly clock: Clock;
  /** Bytes of model files that lazy versions may hold in all workers together. */
  readonly budgetBytes: number;
  /** Each worker holds every loaded version. */
  readonly workers: number;
}

/** A lazy version that is loaded. */
interface Resident {
  readonly key: string;
  readonly bytes: number;
  readonly lastUsedMs: number;
}

/** Versions that are loaded at their first use, and leave by least recent use when others need the memory. */
export class LazyVersions {
  readonly #options: LazyVersionsOptions;
  readonly #lastUsedMs = new Map<string, number>();
  readonly #loading = new Map<string, Promise<void>>();
  #turn: Promise<unknown> = Promise.resolve();

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

  /** A version that shares the traffic of a default is used whenever that one is. */
  #lastUse(name: string, key: string): number {
    const { catalogue } = this.#options;
    const main = `${name}/${catalogue.model(name).defaultVersion}`;
    const shared = this.#companionsOf(main).includes(key) ? this.#lastUsedMs.get(main) : undefined;
    const never = Number.NEGATIVE_INFINITY;
    return Math.max(this.#lastUsedMs.get(key) ?? never, shared ?? never);
  }

  /**
   * Loads a version, after others have left for it where need be; callers at the same time share one load.
   * The versions of its model that share its traffic follow it.
   * @throws Fault `invalid_model` when it cannot be loaded
   */
  load(key: string): Promise<void> {
    const under = this.#loading.get(key);
    if (under !== undefined) return under;
    // One after another: each must know what the one before it has left of the memory.
    const loading = this.#turn
      .then(() => this.#makeRoom(key))
      .then(() => this.#options.loader.load(key))
      .finally(() => this.#loading.delete(key));
    this.#turn = loading.catch(() => {});
    this.#loading.set(key, loading);
    loading.then(
      () => this.#loadCompanions(key),
      () => {},
    );
    return loading;
  }

  #loadCompanions(key: string): void {
    for (const other of this.#companionsOf(key)) {
      // A failure is in the catalogue; its share of the traffic stays with the default version.
      if (this.#options.catalogue.entry(other)?.state === 'unloaded') this.load(other).catch(() => {});
    }
  }

  /** The versions that share the traffic of a model's default. */
  #companionsOf(key: string): string[] {
    const { catalogue } = this.#options;
    const { name, number } = catalogue.entry(key) ?? {};
    if (name === undefined || catalogue.model(name).defaultVersion !== number) return [];
    return trafficOf(catalogue.serving, name)
      .map((taker) => `${name}/${taker}`)
      .filter((other) => other !== key);
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
      .map(({ key, name }) => ({ key, bytes: this.#bytesOf(key), lastUsedMs: this.#lastUse(name, key) }));
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
