import { basename } from 'node:path';
import type { Logger } from 'pino';
import { Fault } from '../errors.js';
import type { Catalogue } from '../models/catalogue.js';
import type { ModelVersion } from '../models/model-version.js';
import { readRepository } from '../models/repository/read-repository.js';
import { assertDefaultModel, checkServing, readServing } from '../models/repository/read-serving.js';
import { neededVersions, trafficOf } from './needed-versions.js';
import type { VersionLoader } from './version-loader.js';

export interface RepositorySyncOptions {
  readonly folder: string;
  /** Path of serving.json. */
  readonly servingFile: string;
  readonly catalogue: Catalogue;
  readonly loader: VersionLoader;
  readonly logger: Pick<Logger, 'warn' | 'error' | 'info'>;
}

/** Brings the catalogue in line with the files of the repository, while dies are being answered. */
export class RepositorySync {
  readonly #options: RepositorySyncOptions;

  constructor(options: RepositorySyncOptions) {
    this.#options = options;
  }

  /**
   * Enters versions that the repository has got, and reads again those that could not be read. What is
   * known already is immutable and stays as it is.
   * @throws Fault `invalid_model` when the repository cannot be read
   */
  async rescan(): Promise<void> {
    const { folder, catalogue } = this.#options;
    const known = new Map<string, ModelVersion>();
    for (const { key, version } of catalogue.entries()) if (version !== undefined) known.set(key, version);
    const { versions } = await readRepository(folder, known);
    for (const found of versions) {
      const entry = catalogue.entry(`${found.name}/${found.number}`);
      if (entry !== undefined && entry.version === undefined) catalogue.remove(entry.key);
      catalogue.add(found);
    }
    await this.#dropVanished(new Set(versions.map(({ name, number }) => `${name}/${number}`)));
  }

  /**
   * Follows serving.json: loads what it needs, and only then serves by it.
   * @throws Fault `invalid_model` when the file is missing or wrong as a whole; nothing is changed then
   */
  async followServing(): Promise<void> {
    const { servingFile, catalogue } = this.#options;
    const checked = checkServing(await readServing(servingFile), (name) => catalogue.numbersOf(name));
    const names = catalogue.models().map(({ name }) => name);
    assertDefaultModel(checked.serving, names);
    for (const [name, { reason }] of checked.faulty)
      this.#options.logger.error({ model: name, reason }, 'serving.json is wrong about a model');
    for (const key of neededVersions(catalogue, checked.serving)) await this.tryLoad(key);
    catalogue.serve(checked);
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

  /** A version whose files have gone stays as long as dies are sent to it. */
  async #dropVanished(found: ReadonlySet<string>): Promise<void> {
    const { catalogue, loader, logger, folder } = this.#options;
    for (const { key, name, number, state } of catalogue.entries()) {
      if (found.has(key)) continue;
      const isServed =
        catalogue.model(name).defaultVersion === number ||
        trafficOf(catalogue.serving, name).includes(number);
      if (isServed) {
        const text = `${key} has gone from ${basename(folder)}; it is served on from memory`;
        logger.warn({ version: key }, text);
        continue;
      }
      if (state === 'ready') await loader.unload(key);
      catalogue.remove(key);
      logger.info({ version: key }, 'a model version has left the repository');
    }
  }
}
