import { Refusal } from '../errors.js';
import type { BatchFinding } from './batch-policy.js';
import { atBaseRate, type ModelVersion } from './model-version.js';
import type { ReadServing, Serving } from './repository/serving.js';

/** Where a version is on its way to taking traffic, or why it takes none. */
export const VERSION_STATES = ['unloaded', 'loading', 'ready', 'failed'] as const;
export type VersionState = (typeof VERSION_STATES)[number];

/** What became of the check of a version's signature. */
export const SIGNATURE_STATES = ['verified', 'refused'] as const;

/** What is known of who signed a version. */
export interface SignatureReport {
  readonly status: (typeof SIGNATURE_STATES)[number];
  /** Who signed it, for people; only where verified. */
  readonly signer?: string;
  /** Why the signature does not hold; only where refused. */
  readonly reason?: string;
}

/** What the load of a version showed. */
export interface LoadReport {
  /** When the version became ready. */
  readonly loadedAt: Date;
  /** Milliseconds from the start of the load to the last worker's warm session. */
  readonly loadMs: number;
  /** Undefined where signatures are not looked at. */
  readonly signature?: SignatureReport;
  /** How its dies are run on this machine, so that each has the same outputs in any batch. */
  readonly batching: BatchFinding;
}

/** One version in the catalogue; replaced, never changed. */
export interface CatalogueEntry {
  /** `name/number`, unique. */
  readonly key: string;
  readonly name: string;
  readonly number: string;
  /** Undefined where its files are no version: `reason` says why. */
  readonly version: ModelVersion | undefined;
  readonly state: VersionState;
  /** Why the version failed, in one sentence. */
  readonly reason: string | undefined;
  readonly report: LoadReport | undefined;
}

/** A model's versions in the catalogue. */
export interface CatalogueModel {
  readonly name: string;
  /** Undefined where serving.json is wrong about the model. */
  readonly defaultVersion: string | undefined;
  /** Why the model answers only where a version is named. */
  readonly reason: string | undefined;
  /** By number, ascending. */
  readonly versions: readonly CatalogueEntry[];
}

/** What the catalogue is told of a version that the repository holds. */
interface KnownVersion {
  readonly name: string;
  readonly number: string;
  readonly read: ModelVersion | readonly string[];
}

/** Whether a model answers only by version, for want of an entry that can be followed. */
export function isUnanswered({ faulty }: Pick<ReadServing, 'faulty'>, name: string): boolean {
  const found = faulty.get(name);
  return found !== undefined && found.isLastGoodKept !== true;
}

/** Which versions there are, which of them are ready, and which one answers for a name. */
export class Catalogue {
  #serving: Serving;
  #faulty: ReadServing['faulty'] = new Map();
  readonly #models = new Map<string, Map<string, CatalogueEntry>>();

  readonly #listeners: (() => void)[] = [];

  /** One line for each folder of the repository that should hold a model and does not. */
  folderProblems: readonly string[] = [];

  constructor(versions: readonly KnownVersion[], { serving, faulty }: ReadServing) {
    this.#serving = serving;
    this.#faulty = faulty;
    for (const version of versions) this.add(version);
  }

  get defaultModel(): string {
    return this.#serving.defaultModel;
  }

  get serving(): Serving {
    return this.#serving;
  }

  /**
   * Takes over what serving.json says from now on.
   * @param faulty models whose entry cannot be followed
   */
  serve({ serving, faulty }: ReadServing): void {
    this.#serving = serving;
    this.#faulty = faulty;
    for (const entry of this.entries()) {
      const version = entry.version && this.#atBaseRate(entry.version);
      if (version !== entry.version) this.#models.get(entry.name)?.set(entry.number, { ...entry, version });
    }
    this.#changed();
  }

  /** The version with confidences for the base rate that serving.json names. */
  #atBaseRate(version: ModelVersion): ModelVersion {
    return atBaseRate(version, this.#serving.models[version.name]?.baseRate);
  }

  /** Models whose entry in serving.json cannot be followed. */
  get faulty(): ReadServing['faulty'] {
    return this.#faulty;
  }

  /** Calls `listener` after every change of what `find` and `model` answer. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Enters a version that the repository holds; one that is known already stays as it is. */
  add({ name, number, read }: KnownVersion): void {
    const key = `${name}/${number}`;
    if (this.entry(key) !== undefined) return;
    const isVersion = !isProblems(read);
    this.#set({
      key,
      name,
      number,
      version: isVersion ? this.#atBaseRate(read) : undefined,
      state: isVersion ? 'unloaded' : 'failed',
      reason: isVersion ? undefined : read.join('; '),
      report: undefined,
    });
  }

  /** Enters a version in the place of one that has failed. */
  replace(found: KnownVersion): void {
    this.#models.get(found.name)?.delete(found.number);
    this.add(found);
  }

  /** Forgets a version. */
  remove(key: string): void {
    const entry = this.entry(key);
    if (entry === undefined) return;
    const versions = this.#models.get(entry.name);
    versions?.delete(entry.number);
    if (versions?.size === 0) this.#models.delete(entry.name);
    this.#changed();
  }

  markLoading(key: string): void {
    this.#change(key, { state: 'loading', reason: undefined, report: undefined });
  }

  /** Marks a version as loaded and warm on every worker. */
  markReady(key: string, report: LoadReport): void {
    this.#change(key, { state: 'ready', reason: undefined, report });
  }

  markUnloaded(key: string): void {
    this.#change(key, { state: 'unloaded', reason: undefined, report: undefined });
  }

  /** Marks a version as one that cannot be loaded, and why. */
  markFailed(key: string, reason: string): void {
    this.#change(key, { state: 'failed', reason, report: undefined });
  }

  /** The entry of a key, if there is one. */
  entry(key: string): CatalogueEntry | undefined {
    const slash = key.indexOf('/');
    return this.#models.get(key.slice(0, slash))?.get(key.slice(slash + 1));
  }

  /** All entries of all models. */
  entries(): CatalogueEntry[] {
    return [...this.#models.values()].flatMap((versions) => [...versions.values()]);
  }

  /** Version numbers of a model, ascending; undefined where there is no such model. */
  numbersOf(name: string): string[] | undefined {
    const versions = this.#models.get(name);
    return versions && [...versions.keys()];
  }

  /** All models by name, their versions by number. */
  models(): CatalogueModel[] {
    return [...this.#models.keys()].sort().map((name) => this.model(name));
  }

  /** @throws Refusal `model_not_found` */
  model(name: string): CatalogueModel {
    const versions = this.#versionsOf(name);
    const reason = this.#unansweredReason(name);
    return {
      name,
      defaultVersion: reason === undefined ? this.#defaultVersion(name, versions) : undefined,
      reason,
      versions: [...versions.values()],
    };
  }

  /**
   * The entry that a call addresses: the default model's, the named model's default, or a named version.
   * @throws Refusal `model_not_found`, `version_not_found`, or `model_not_ready` where serving.json is
   * wrong about the model and no version is named
   */
  find(name: string = this.defaultModel, number?: string): CatalogueEntry {
    const versions = this.#versionsOf(name);
    const faulty = this.#unansweredReason(name);
    if (faulty !== undefined && number === undefined)
      throw new Refusal('model_not_ready', faulty, { retryAfterSeconds: 10 });
    const wanted = number ?? this.#defaultVersion(name, versions);
    const entry = versions.get(wanted);
    if (entry === undefined) {
      throw new Refusal(
        'version_not_found',
        `model "${name}" has versions ${[...versions.keys()].join(', ')}, not "${wanted}"`,
      );
    }
    return entry;
  }

  /** The version by which the API is documented: the default one if its files can be read, else any that can. */
  documented(): ModelVersion | undefined {
    const { versions } = this.model(this.defaultModel);
    const named = this.#serving.models[this.defaultModel]?.default;
    const readable = [...versions, ...this.entries()].filter(({ version }) => version !== undefined);
    const chosen = versions.find(({ number }) => number === named) ?? versions.at(-1);
    return chosen?.version ?? readable[0]?.version;
  }

  /** Why a model answers only where a version is named; undefined where it does not. */
  #unansweredReason(name: string): string | undefined {
    return isUnanswered({ faulty: this.#faulty }, name) ? this.#faulty.get(name)?.reason : undefined;
  }

  #versionsOf(name: string): ReadonlyMap<string, CatalogueEntry> {
    const versions = this.#models.get(name);
    if (versions === undefined)
      throw new Refusal('model_not_found', `there is no model "${name}"; GET /models lists all`);
    return versions;
  }

  /**
   * The version that serving.json names, else the highest number that is ready: a new version takes over
   * when it can. Where none is ready, the highest that has not failed, else the highest.
   */
  #defaultVersion(name: string, versions: ReadonlyMap<string, CatalogueEntry>): string {
    const named = this.#serving.models[name]?.default;
    if (named !== undefined) return named;
    const numbers = [...versions.values()];
    const best =
      numbers.findLast(({ state }) => state === 'ready') ??
      numbers.findLast(({ state }) => state !== 'failed') ??
      numbers.at(-1);
    return best?.number ?? '';
  }

  #change(key: string, change: Pick<CatalogueEntry, 'state' | 'reason' | 'report'>): void {
    const entry = this.entry(key);
    if (entry !== undefined) this.#set({ ...entry, ...change });
  }

  /** Keeps the versions of a model in the order of their numbers. */
  #set(entry: CatalogueEntry): void {
    const versions = this.#models.get(entry.name) ?? new Map<string, CatalogueEntry>();
    const isNew = !versions.has(entry.number);
    versions.set(entry.number, entry);
    const ordered = [...versions].sort(([a], [b]) => Number(a) - Number(b));
    this.#models.set(entry.name, isNew ? new Map(ordered) : versions);
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function isProblems(read: KnownVersion['read']): read is readonly string[] {
  return Array.isArray(read);
}

/**
 * The version of an entry.
 * @throws Refusal `model_not_ready` where its files are none
 */
export function readable({ key, version, reason }: CatalogueEntry): ModelVersion {
  if (version !== undefined) return version;
  throw new Refusal('model_not_ready', `${key} cannot be loaded: ${reason}`, { retryAfterSeconds: 10 });
}
