import { Refusal } from '../errors.js';
import type { Catalogue, CatalogueEntry } from '../models/catalogue.js';
import type { ModelVersion } from '../models/model-version.js';
import { readAlike } from '../models/read-alike.js';
import type { ModelServing } from '../models/repository/serving.js';
import type { AssignVersion } from '../prediction/groups.js';
import { createAssign } from '../traffic/assignment.js';
import { weightsOf } from '../traffic/canary.js';
import { isUnderWay } from '../traffic/canary-plan.js';
import type { Split, StickyKey } from '../traffic/split.js';

/** Where the dies of a call go. */
export interface Target {
  readonly entry: CatalogueEntry;
  /** The version by whose contract the dies are read, and which answers where `assign` says no other. */
  readonly version: ModelVersion;
  /** The version of each die, where the model's traffic is split. */
  readonly assign: AssignVersion | undefined;
  /** Whether the caller named the version: its dies are no part of any comparison. */
  readonly isNamed: boolean;
  /** Versions that see the same dies. */
  readonly shadows: readonly ModelVersion[];
}

/**
 * Finds the target of a call by the model and version that it names. What is found is kept until the
 * catalogue changes, so that routing costs a call two lookups.
 */
export class Targets {
  readonly #catalogue: Catalogue;
  readonly #defaults = new Map<string, Target>();
  readonly #named = new Map<string, Target>();

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
    catalogue.onChange(() => {
      this.#defaults.clear();
      this.#named.clear();
    });
  }

  /**
   * @throws Refusal `model_not_found`, `version_not_found`, or `model_not_ready` where the version cannot
   * even be read, or serving.json is wrong about the model
   */
  of(model: string | undefined, number: string | undefined): Target {
    const name = model ?? this.#catalogue.defaultModel;
    const kept = number === undefined ? this.#defaults : this.#named;
    const key = number === undefined ? name : `${name}/${number}`;
    let target = kept.get(key);
    if (target === undefined) {
      target = this.#find(name, number);
      kept.set(key, target);
    }
    return target;
  }

  #find(name: string, number: string | undefined): Target {
    const entry = this.#catalogue.find(name, number);
    const { version } = entry;
    if (version === undefined) {
      const reason = `${entry.key} cannot be loaded: ${entry.reason}`;
      throw new Refusal('model_not_ready', reason, { retryAfterSeconds: 10 });
    }
    const serving = this.#catalogue.serving.models[name];
    // Who names a version wants that one, and compares nothing.
    const isNamed = number !== undefined;
    if (isNamed || serving === undefined) return { entry, version, assign: undefined, isNamed, shadows: [] };
    return {
      entry,
      version,
      isNamed,
      assign: this.#assignOf(name, version, serving),
      shadows: (serving.shadow ?? []).flatMap((shadow) => this.#ready(name, shadow, version) ?? []),
    };
  }

  /** A version of the split that is not ready or reads other dies leaves its share to the default. */
  #assignOf(name: string, version: ModelVersion, serving: ModelServing): AssignVersion | undefined {
    const split = splitOf(serving);
    if (split === undefined) return undefined;
    const takers = new Map<string, ModelVersion>();
    for (const number of Object.keys(split.weights))
      takers.set(number, this.#ready(name, number, version) ?? version);
    const assign = createAssign(name, split);
    return (label) => takers.get(assign(label)) ?? version;
  }

  #ready(name: string, number: string, like: ModelVersion): ModelVersion | undefined {
    const entry = this.#catalogue.entry(`${name}/${number}`);
    const { version } = entry ?? {};
    return entry?.state === 'ready' && version !== undefined && readAlike(version, like)
      ? version
      : undefined;
  }
}

/** What decides which version a die of a model gets, whether or not its traffic is split now. */
export function stickyKeyBy(catalogue: Catalogue, model: string): StickyKey {
  const serving = catalogue.serving.models[model];
  return (serving && splitOf(serving)?.by) ?? 'wafer_id';
}

/** How a model's traffic is split now: by its running canary, else as it was set. */
export function splitOf({ split, canary }: ModelServing): Split | undefined {
  if (!isUnderWay(canary)) return split;
  return { by: canary.plan.by, weights: { ...weightsOf(canary) } };
}
