import { Fault, Refusal } from '../errors.js';
import type { Catalogue, CatalogueEntry, SignatureReport } from '../models/catalogue.js';
import { contractDifference } from '../models/read-alike.js';
import { servingProblems } from '../models/repository/read-serving.js';
import type { ModelServing, Serving } from '../models/repository/serving.js';
import type { ServingState } from './serving-state.js';
import type { VersionLoader } from './version-loader.js';

export interface ChangeStepsOptions {
  readonly catalogue: Catalogue;
  readonly loader: Pick<VersionLoader, 'load'>;
  readonly state: ServingState;
  /** Looks for versions that the repository has got since it was read, and reads again the one that has failed. */
  readonly rescan: (failed?: string) => Promise<void>;
  /** Told when a model's dies go elsewhere from now on: what was counted before compares with nothing. */
  readonly onTrafficChange: (model: string) => void;
}

/** What changes of what is served are made of: versions are loaded first, then serving.json changes in one step. */
export class ChangeSteps {
  readonly #options: ChangeStepsOptions;

  constructor(options: ChangeStepsOptions) {
    this.#options = options;
  }

  /** Loads a version, which the repository may have got, or got repaired, only now; its entry before. */
  async load(name: string, number: string): Promise<CatalogueEntry> {
    const { catalogue, loader, rescan } = this.#options;
    const known = catalogue.entry(`${name}/${number}`);
    try {
      if (known === undefined || known.state === 'failed') await rescan(known?.key);
      const before = catalogue.find(name, number);
      await loader.load(before.key);
      return known?.version === undefined ? before : { ...before, state: known.state };
    } catch (error) {
      if (error instanceof Fault)
        throw new Refusal('model_not_ready', error.problems.join('; '), { cause: error });
      throw error;
    }
  }

  /** Loads a version that dies are about to be sent to; it must read the same dies as the default. */
  async makeReady(name: string, number: string): Promise<void> {
    const { catalogue } = this.#options;
    const { key, version } = await this.load(name, number);
    const { defaultVersion } = catalogue.model(name);
    const current = catalogue.entry(`${name}/${defaultVersion}`);
    if (version === undefined || current?.version === undefined || current.state !== 'ready') return;
    const difference = contractDifference(version, current.version);
    if (difference === undefined) return;
    throw new Refusal(
      'change_conflict',
      `${key} and ${current.key} read different dies, ${difference}: testers would have to change with it`,
    );
  }

  /**
   * Writes down which version is the default, where serving.json leaves it to the highest that is ready: else a
   * shadow or a canary that is loaded now would take over at once.
   */
  async nameDefault(name: string): Promise<void> {
    const { catalogue } = this.#options;
    const { defaultVersion } = catalogue.model(name);
    const isNamed = catalogue.serving.models[name]?.default !== undefined;
    if (isNamed || catalogue.entry(`${name}/${defaultVersion}`)?.state !== 'ready') return;
    await this.change(name, [], (entry) => ({ ...entry, default: entry.default ?? defaultVersion }), {
      isNewTraffic: false,
    });
  }

  /** @param takers versions that dies are sent to from now on, which have been loaded for it */
  async change(
    name: string,
    takers: readonly string[],
    change: (entry: ModelServing) => ModelServing,
    { isNewTraffic = true } = {},
  ): Promise<void> {
    const { catalogue, state } = this.#options;
    // Also where serving.json says nothing of the model yet.
    catalogue.model(name);
    await state.change((serving): Serving => {
      const entry = change(serving.models[name] ?? {});
      const problems = servingProblems(name, entry, catalogue.numbersOf(name));
      if (problems.length > 0) throw invalid(problems);
      const gone = takers.find((number) => catalogue.entry(`${name}/${number}`)?.state !== 'ready');
      if (gone !== undefined)
        throw new Refusal('change_conflict', `${name}/${gone} was taken down at the same time; try again`);
      return { ...serving, models: { ...serving.models, [name]: entry } };
    });
    if (isNewTraffic) this.#options.onTrafficChange(name);
  }

  /** Who signed the versions that a change brings up, for its audit line; nothing where nobody looks. */
  signatures(name: string, numbers: readonly string[]): { signatures?: Record<string, SignatureReport> } {
    const signatures: Record<string, SignatureReport> = {};
    for (const number of numbers) {
      const signature = this.#options.catalogue.entry(`${name}/${number}`)?.report?.signature;
      if (signature !== undefined) signatures[number] = signature;
    }
    return Object.keys(signatures).length === 0 ? {} : { signatures };
  }
}

function invalid(problems: readonly string[]): Refusal {
  const faults = problems.map((message) => ({ path: '', message }));
  return new Refusal('invalid_input', problems.join('; '), { faults });
}
