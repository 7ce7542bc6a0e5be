import { Fault, Refusal } from '../errors.js';
import type { Catalogue, CatalogueEntry } from '../models/catalogue.js';
import type { ModelVersion } from '../models/model-version.js';
import { readAlike } from '../models/read-alike.js';
import type { ModelServing } from '../models/repository/serving.js';
import type { AssignVersion } from '../prediction/groups.js';
import type { Clock } from '../serving/clock.js';
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
  /** That of calls that name nothing, which most do. */
  #unnamed: Target | undefined;
  readonly #defaults = new Map<string, Target>();
  readonly #named = new Map<string, Target>();

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
    catalogue.onChange(() => {
      this.#unnamed = undefined;
      this.#defaults.clear();
      this.#named.clear();
    });
  }

  /**
   * @throws Refusal `model_not_found`, `version_not_found`, or `model_not_ready` where the version cannot
   * even be read, or serving.json is wrong about the model
   */
  of(model: string | undefined, number: string | undefined): Target {
    if (model === undefined && number === undefined) {
      this.#unnamed ??= this.#of(this.#catalogue.defaultModel, undefined);
      return this.#unnamed;
    }
    return this.#of(model ?? this.#catalogue.defaultModel, number);
  }

  #of(name: string, number: string | undefined): Target {
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

interface AdmissionOptions {
  readonly targets: Targets;
  readonly clock: Clock;
  /** @throws Refusal when so many dies more find no room in a version's queue */
  readonly assertRoom: (key: string, dies: number) => void;
  readonly lazy: {
    isLazy(name: string): boolean;
    touch(key: string): void;
    load(key: string): Promise<void>;
  };
  /** How long a call may wait for a lazy version to be loaded; 0 refuses it at once. Milliseconds. */
  readonly lazyWaitMs: number;
  /** Told of a load that failed otherwise than a load may. */
  readonly onError: (error: unknown) => void;
}

/** Decides before a body is read whether its dies may come in, and where they go. */
export class Admission {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * The target of a call; a promise where a lazy version is waited for.
   * @throws Refusal where there is none, it is not ready or its queue is full
   */
  admit(model: string | undefined, number: string | undefined): Target | Promise<Target> {
    const { targets, assertRoom, lazy } = this.#options;
    const target = targets.of(model, number);
    const { entry, version } = target;
    if (entry.state === 'ready') {
      assertRoom(entry.key, 1);
      lazy.touch(entry.key);
      return target;
    }
    const isComing = entry.state !== 'failed' && lazy.isLazy(entry.name);
    if (version.fallback !== undefined) {
      // The fallback answers until then.
      if (isComing) void this.#load(entry.key);
      return target;
    }
    if (isComing) return this.#whenLoaded(entry.key, model, number);
    throw notReady(target);
  }

  /**
   * Where the dies of a call that was let in go now, when its body has been read: the version that it was
   * to go to may have been taken down since, after another one has taken its place.
   */
  renew(target: Target): Target {
    const { entry, isNamed } = target;
    try {
      const now = this.#options.targets.of(entry.name, isNamed ? entry.number : undefined);
      return now.entry.state === 'ready' || now.version.fallback !== undefined ? now : target;
    } catch {
      return target;
    }
  }

  /**
   * Whether a call would be let in, but for a full queue: without side effects.
   * @throws Refusal as `admit`
   */
  check(model: string | undefined, number: string | undefined): void {
    const { targets, lazy } = this.#options;
    const target = targets.of(model, number);
    const { entry, version } = target;
    if (entry.state === 'ready' || version.fallback !== undefined) return;
    if (entry.state !== 'failed' && lazy.isLazy(entry.name)) return;
    throw notReady(target);
  }

  async #whenLoaded(key: string, model: string | undefined, number: string | undefined): Promise<Target> {
    const { lazyWaitMs, targets, clock } = this.#options;
    const loading = this.#load(key);
    if (lazyWaitMs > 0) {
      let cancel = () => {};
      const patience = new Promise<void>((resolve) => {
        cancel = clock.after(lazyWaitMs, resolve);
      });
      await Promise.race([loading, patience]);
      cancel();
    }
    const target = targets.of(model, number);
    if (target.entry.state === 'ready') return target;
    throw notReady(target);
  }

  /** Loads a lazy version; a failure is in the catalogue, for whoever asks next. */
  #load(key: string): Promise<void> {
    return this.#options.lazy.load(key).catch((error: unknown) => {
      if (!(error instanceof Fault || error instanceof Refusal)) this.#options.onError(error);
    });
  }
}

function notReady({ entry: { key, state, reason } }: Target): Refusal {
  if (state === 'failed')
    return new Refusal('model_not_ready', `${key} cannot be loaded: ${reason}`, { retryAfterSeconds: 10 });
  const detail = state === 'unloaded' ? `${key} is not loaded` : `${key} is still being loaded`;
  return new Refusal('model_not_ready', detail, { retryAfterSeconds: 1 });
}
