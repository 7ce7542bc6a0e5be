import { Refusal } from '../errors.js';
import type { ModelVersion } from './model-version.js';
import type { Serving } from './repository/serving.js';

/** Where a version is on its way to taking traffic. */
export type VersionState = 'loading' | 'ready';

/** What the load of a version showed. */
export interface LoadReport {
  /** When the version became ready. */
  readonly loadedAt: Date;
  /** Milliseconds from the start of the load to the last worker's warm session. */
  readonly loadMs: number;
  /** Whether a row's score was the same to the last bit in every batch tried on this machine. */
  readonly sameInAnyBatch: boolean;
}

/** One version in the catalogue. */
export interface CatalogueEntry {
  readonly version: ModelVersion;
  readonly state: VersionState;
  readonly report: LoadReport | undefined;
}

/** A model's versions in the catalogue. */
export interface CatalogueModel {
  readonly name: string;
  readonly defaultVersion: string;
  readonly versions: readonly CatalogueEntry[];
}

/** Which versions are configured, which of them are ready, and which one answers for a name. */
export class Catalogue {
  readonly defaultModel: string;
  readonly #serving: Serving;
  readonly #models = new Map<string, Map<string, CatalogueEntry>>();

  constructor(versions: readonly ModelVersion[], serving: Serving) {
    this.#serving = serving;
    this.defaultModel = serving.defaultModel;
    for (const version of versions) this.#set({ version, state: 'loading', report: undefined });
  }

  /** Marks a version as loaded and warm on every worker. */
  markReady(version: ModelVersion, report: LoadReport): void {
    this.#set({ version, state: 'ready', report });
  }

  /** Keys of the configured versions that are not ready. */
  notReady(): string[] {
    return this.models()
      .flatMap(({ versions }) => versions)
      .filter(({ state }) => state !== 'ready')
      .map(({ version }) => version.key);
  }

  /** All models by name, their versions by number. */
  models(): CatalogueModel[] {
    return [...this.#models.keys()].map((name) => this.model(name));
  }

  /** @throws Refusal `model_not_found` */
  model(name: string): CatalogueModel {
    const versions = this.#versionsOf(name);
    return { name, defaultVersion: this.#defaultVersion(name, versions), versions: [...versions.values()] };
  }

  /**
   * The version that a call addresses: the default model's, the named model's default, or a named one.
   * @throws Refusal `model_not_found` or `version_not_found`
   */
  find(name: string = this.defaultModel, version?: string): CatalogueEntry {
    const versions = this.#versionsOf(name);
    const wanted = version ?? this.#defaultVersion(name, versions);
    const entry = versions.get(wanted);
    if (entry === undefined) {
      throw new Refusal(
        'version_not_found',
        `model "${name}" has versions ${[...versions.keys()].join(', ')}, not "${wanted}"`,
      );
    }
    return entry;
  }

  #versionsOf(name: string): ReadonlyMap<string, CatalogueEntry> {
    const versions = this.#models.get(name);
    if (versions === undefined)
      throw new Refusal('model_not_found', `there is no model "${name}"; GET /models lists all`);
    return versions;
  }

  /** The version that serving.json names, else the highest number. */
  #defaultVersion(name: string, versions: ReadonlyMap<string, CatalogueEntry>): string {
    return this.#serving.models[name]?.default ?? [...versions.keys()].at(-1) ?? '';
  }

  #set(entry: CatalogueEntry): void {
    const versions = this.#models.get(entry.version.name) ?? new Map<string, CatalogueEntry>();
    versions.set(entry.version.version, entry);
    this.#models.set(entry.version.name, versions);
  }
}
