import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { Fault } from '../errors.js';
import type { Catalogue, CatalogueEntry } from '../models/catalogue.js';
import type { ModelVersion } from '../models/model-version.js';
import { readRepository } from '../models/repository/read-repository.js';
import {
  assertDefaultModel,
  checkServing,
  keepLastGood,
  readServing,
} from '../models/repository/read-serving.js';
import type { ReadServing } from '../models/repository/serving.js';
import type { Audit } from './audit.js';
import { neededVersions, userOf } from './needed-versions.js';
import type { ServingState } from './serving-state.js';
import type { VersionLoader } from './version-loader.js';

interface RepositorySyncOptions {
  readonly folder: string;
  /** Path of serving.json. */
  readonly servingFile: string;
  readonly catalogue: Catalogue;
  readonly loader: VersionLoader;
  readonly state: ServingState;
  readonly audit: Audit;
  readonly onTrafficChange: (model: string) => void;
  readonly logger: Pick<Logger, 'warn' | 'error' | 'info'>;
}

/** Who is named in the audit log where the files themselves were changed. */
const REPOSITORY = { id: 'repository' };

/** Brings the catalogue in line with the files of the repository, while dies are being answered. */
export class RepositorySync {
  readonly #options: RepositorySyncOptions;

  constructor(options: RepositorySyncOptions) {
    this.#options = options;
  }

  /**
   * Enters versions that the repository has got, and reads again those that could not be read. What is
   * known otherwise is immutable and stays as it is.
   * @param isTriedAgain whether a version that could be read and then failed is read again, by its key
   * @throws Fault `invalid_model` when the repository cannot be read
   */
  async rescan(isTriedAgain: (key: string) => boolean): Promise<void> {
    const { folder, catalogue } = this.#options;
    const known = new Map<string, ModelVersion>();
    for (const { key, version, state } of catalogue.entries()) {
      const isReadAgain = state === 'failed' && isTriedAgain(key);
      if (version !== undefined && !isReadAgain) known.set(key, version);
    }
    const { versions, problems } = await readRepository(folder, known);
    for (const found of versions) {
      const key = `${found.name}/${found.number}`;
      // Unless it is being loaded by now.
      if (!known.has(key) && catalogue.entry(key)?.state === 'failed') catalogue.replace(found);
      else catalogue.add(found);
    }
    catalogue.folderProblems = problems;
    await this.#dropVanished(new Set(versions.map(({ name, number }) => `${name}/${number}`)));
  }

  /**
   * Follows the files: enters what is new, loads what serving.json needs, and only then serves by it.
   * Versions that were needed until now and are not any more are taken down.
   * @param changed whether the files of any version have changed: what has failed is then tried again. Not
   * otherwise: a version may crash the worker that tries it. What cannot be followed of one model leaves that as it is
   * @throws Fault `invalid_model` when serving.json or the repository as a whole cannot be read; what is
   * served stays as it is then
   */
  follow(changed: { readonly versions: boolean }): Promise<void> {
    return this.#options.state.inTurn(async () => {
      const { servingFile, catalogue } = this.#options;
      const neededBefore = neededVersions(catalogue);
      await this.rescan(() => changed.versions);
      const numbersOf = (name: string) => catalogue.numbersOf(name);
      const checked = keepLastGood(
        checkServing(await readServing(servingFile), numbersOf),
        catalogue,
        numbersOf,
      );
      const names = catalogue.models().map(({ name }) => name);
      assertDefaultModel(checked.serving, names);
      const needed = neededVersions(catalogue, checked.serving);
      for (const key of needed) if (!hasFailed(catalogue.entry(key))) await this.tryLoad(key);
      this.#serve(checked);
      for (const key of neededBefore) if (!needed.includes(key)) await this.#takeDown(key);
    });
  }

  /** Loads a version; a failure is logged and kept in the catalogue, and harms nothing else. */
  async tryLoad(key: string): Promise<void> {
    const { catalogue, loader, logger } = this.#options;
    const entry = catalogue.entry(key);
    if (entry?.version === undefined) {
      logger.error({ version: key, reason: entry?.reason }, 'a model version cannot be read');
      return;
    }
    try {
      await loader.load(key);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      logger.error({ version: key, problems: error.problems }, 'a model version cannot be loaded');
    }
  }

  /** Serves by what the file says; each model about which it says something new is one audit line. */
  #serve(checked: ReadServing): void {
    const { catalogue, logger, audit, onTrafficChange } = this.#options;
    const { serving: before } = catalogue;
    for (const [name, { reason }] of checked.faulty)
      logger.error({ model: name, reason }, 'serving.json is wrong about a model');
    catalogue.serve(checked);
    const { serving: after } = checked;
    if (before.defaultModel !== after.defaultModel) {
      const change = { action: 'default_model', model: after.defaultModel };
      audit(REPOSITORY, { ...change, from: before.defaultModel, to: after.defaultModel });
    }
    for (const name of new Set([...Object.keys(before.models), ...Object.keys(after.models)])) {
      const [from, to] = [before.models[name], after.models[name]].map(plain);
      if (isDeepStrictEqual(from, to)) continue;
      audit(REPOSITORY, { action: 'serving_file', model: name, from, to });
      onTrafficChange(name);
    }
  }

  async #takeDown(key: string): Promise<void> {
    const { catalogue, loader, logger } = this.#options;
    const entry = catalogue.entry(key);
    if (entry?.state !== 'ready' || userOf(catalogue, entry.name, entry.number) !== undefined) return;
    await loader.unload(key);
    logger.info({ version: key }, 'a model version is not needed any more');
  }

  /** A version whose files have gone stays as long as dies are sent to it. */
  async #dropVanished(found: ReadonlySet<string>): Promise<void> {
    const { catalogue, loader, logger } = this.#options;
    for (const { key, name, number } of catalogue.entries()) {
      if (found.has(key)) continue;
      if (userOf(catalogue, name, number) !== undefined) {
        logger.warn({ version: key }, 'the files of a model version have gone; it is served on from memory');
        continue;
      }
      await loader.unload(key);
      catalogue.remove(key);
      logger.info({ version: key }, 'a model version has left the repository');
    }
  }
}

/** Whether a version was tried, and there is nothing new to try. */
function hasFailed(entry: CatalogueEntry | undefined): boolean {
  return entry?.version !== undefined && entry.state === 'failed';
}

/** As the file holds it: a key without a value is no key. */
function plain(entry: unknown): unknown {
  return entry === undefined ? null : JSON.parse(JSON.stringify(entry));
}
