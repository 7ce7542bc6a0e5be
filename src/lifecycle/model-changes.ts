import { Fault, Refusal } from '../errors.js';
import type { Catalogue, CatalogueEntry, SignatureReport } from '../models/catalogue.js';
import { contractDifference } from '../models/read-alike.js';
import { servingProblems } from '../models/repository/read-serving.js';
import { MAX_PREVIOUS, type ModelServing, type Serving } from '../models/repository/serving.js';
import {
  abortCanary,
  type CanaryEvent,
  type CanaryMove,
  resumeCanary,
  startCanary,
} from '../traffic/canary.js';
import { type CanaryPlan, type CanaryState, isUnderWay } from '../traffic/canary-plan.js';
import type { Shadow } from '../traffic/shadow.js';
import type { Split } from '../traffic/split.js';
import type { Actor, Audit } from './audit.js';
import { dependentOn, trafficOf, userOf } from './needed-versions.js';
import type { ServingState } from './serving-state.js';
import type { VersionLoader } from './version-loader.js';

interface ModelChangesOptions {
  readonly catalogue: Catalogue;
  readonly loader: Pick<VersionLoader, 'load' | 'unload'>;
  readonly state: ServingState;
  readonly audit: Audit;
  /** Looks for versions that the repository has got since it was read, and reads again the one that has failed. */
  readonly rescan: (failed?: string) => Promise<void>;
  /** Told when a model's dies go elsewhere from now on: what was counted before compares with nothing. */
  readonly onTrafficChange: (model: string) => void;
  /** Told of everything that happens to a canary. */
  readonly onCanaryEvent: (model: string, event: CanaryEvent) => void;
  /** Wall-clock time. */
  readonly now: () => Date;
}

/**
 * Everything that can be changed while dies are being answered. A version is loaded before dies are sent
 * to it, and what is served changes in one step; every change is one line in the audit log.
 */
export class ModelChanges {
  readonly #options: ModelChangesOptions;
  /** Versions that `unloadModel` has taken down, by model, until it is loaded again. */
  readonly #takenDown = new Map<string, readonly string[]>();

  constructor(options: ModelChangesOptions) {
    this.#options = options;
  }

  /**
   * Loads a version, which the repository may have got only now.
   * @throws Refusal `model_not_found`, `version_not_found`, or `model_not_ready` when it cannot be loaded
   */
  async load(name: string, number: string, actor: Actor): Promise<void> {
    const { state } = await this.#load(name, number);
    const change = { action: 'load', model: name, version: number, from: state, to: 'ready' };
    this.#options.audit(actor, { ...change, ...this.#signatures(name, [number]) });
  }

  /**
   * Takes down a version that no die is sent to.
   * @throws Refusal `change_conflict` when dies are sent to it
   */
  async unload(name: string, number: string, actor: Actor): Promise<void> {
    const { catalogue, loader, audit } = this.#options;
    // While no change of what is served is under way: none may be about to send dies to it.
    const from = await this.#options.state.inTurn(async () => {
      const { key, state } = catalogue.find(name, number);
      const user = userOf(catalogue, name, number);
      if (user !== undefined)
        throw new Refusal('change_conflict', `${key} cannot be unloaded: it is ${user}`);
      await loader.unload(key);
      return state;
    });
    audit(actor, { action: 'unload', model: name, version: number, from, to: 'unloaded' });
  }

  /**
   * Loads a model's default version, or its highest, which the repository may have got only now; and every other one
   * that dies are sent to, or that was loaded when the model was taken down.
   */
  async loadModel(name: string, actor: Actor): Promise<void> {
    const { catalogue, rescan } = this.#options;
    await rescan();
    const { number } = catalogue.find(name);
    await this.load(name, number, actor);
    const before = [...trafficOf(catalogue.serving, name), ...(this.#takenDown.get(name) ?? [])];
    for (const other of new Set(before)) {
      // One that has gone meanwhile was not served any more, either.
      const entry = catalogue.entry(`${name}/${other}`);
      if (other !== number && entry !== undefined && entry.state !== 'ready')
        await this.load(name, other, actor);
    }
    this.#takenDown.delete(name);
  }

  /**
   * Takes all versions of a model down, until one is loaded again or the server starts anew.
   * @throws Refusal `change_conflict` for the default model, which POST /predict needs, and for a model
   * that another one falls back on
   */
  async unloadModel(name: string, actor: Actor): Promise<void> {
    const { catalogue, loader, audit, state } = this.#options;
    const from = await state.inTurn(async () => {
      const { versions } = catalogue.model(name);
      this.#assertUnloadable(name, versions);
      const ready = versions.filter((version) => version.state === 'ready');
      for (const { key } of ready) await loader.unload(key);
      const numbers = ready.map(({ number }) => number);
      // Taken down again, it comes back as it was when it answered.
      if (numbers.length > 0) this.#takenDown.set(name, numbers);
      return numbers;
    });
    audit(actor, { action: 'unload', model: name, from, to: 'unloaded' });
  }

  #assertUnloadable(name: string, versions: readonly CatalogueEntry[]): void {
    const { catalogue } = this.#options;
    if (name === catalogue.defaultModel)
      throw new Refusal('change_conflict', `${name} cannot be unloaded: it is the model of POST /predict`);
    for (const { number } of versions) {
      const dependent = dependentOn(catalogue, name, number);
      if (dependent !== undefined && dependent.name !== name)
        throw new Refusal(
          'change_conflict',
          `${name} cannot be unloaded: it is the fallback of ${dependent.key}`,
        );
    }
  }

  /** Makes a version the one that answers where none is named; a split and a canary of the model end. */
  async promote(name: string, number: string, actor: Actor): Promise<void> {
    await this.#makeReady(name, number);
    let from = '';
    await this.#change(name, [number], (entry) => {
      from = this.#options.catalogue.model(name).defaultVersion ?? '';
      return { ...withoutSplit(entry), default: number, previous: formerDefaults(entry, from, number) };
    });
    const signatures = this.#signatures(name, [number]);
    this.#options.audit(actor, { action: 'promote', model: name, from, to: number, ...signatures });
  }

  /**
   * Makes the version before this one the default again.
   * @returns its number
   * @throws Refusal `change_conflict` when none is remembered
   */
  async rollBack(name: string, actor: Actor): Promise<string> {
    const { catalogue, audit } = this.#options;
    const from = catalogue.model(name).defaultVersion ?? '';
    const [to, ...earlier] = catalogue.serving.models[name]?.previous ?? [];
    if (to === undefined) throw new Refusal('change_conflict', `${name} has no version before ${from}`);
    await this.#makeReady(name, to);
    await this.#change(name, [to], (entry) => {
      if (entry.previous?.[0] !== to)
        throw new Refusal('change_conflict', `${name} was changed at the same time; look again`);
      return { ...withoutSplit(entry), default: to, previous: earlier };
    });
    audit(actor, { action: 'roll_back', model: name, from, to, ...this.#signatures(name, [to]) });
    return to;
  }

  /** Splits a model's traffic, or ends the split with undefined. */
  async setSplit(name: string, split: Split | undefined, actor: Actor): Promise<void> {
    const takers = Object.keys(split?.weights ?? {});
    for (const number of takers) await this.#makeReady(name, number);
    let from: Split | undefined;
    await this.#change(name, takers, (entry) => {
      if (split !== undefined && isUnderWay(entry.canary))
        throw new Refusal('change_conflict', `${name} has a canary, which sets the weights until it ends`);
      from = entry.split;
      return { ...entry, split };
    });
    const change = { action: 'split', model: name, from: from ?? null, to: split ?? null };
    this.#options.audit(actor, { ...change, ...this.#signatures(name, takers) });
  }

  /**
   * Says how frequent failing dies are, which the confidences of a model are right for from now on; undefined for as
   * frequent as in training. Decisions and anomaly scores stay what they are.
   * @throws Refusal `change_conflict` where no version of it says what it was made for
   */
  async setBaseRate(name: string, rate: number | undefined, actor: Actor): Promise<void> {
    const { versions } = this.#options.catalogue.model(name);
    if (rate !== undefined && versions.every(({ version }) => version?.baseRate.trainedAt === undefined))
      throw new Refusal(
        'change_conflict',
        `no version of ${name} says which base rate it was made for: expected "baseRate" in its manifest`,
      );
    let from: number | undefined;
    const change = (entry: ModelServing) => {
      from = entry.baseRate;
      return { ...entry, baseRate: rate };
    };
    await this.#change(name, [], change, { isNewTraffic: false });
    this.#options.audit(actor, { action: 'base_rate', model: name, from: from ?? null, to: rate ?? null });
  }

  /** Sets the versions that see a model's dies without a say. */
  async setShadow(name: string, shadow: Shadow, actor: Actor): Promise<void> {
    if (shadow.length > 0) await this.#nameDefault(name);
    for (const number of shadow) await this.#makeReady(name, number);
    let from: Shadow = [];
    await this.#change(name, shadow, (entry) => {
      from = entry.shadow ?? [];
      return { ...entry, shadow };
    });
    const signatures = this.#signatures(name, shadow);
    this.#options.audit(actor, { action: 'shadow', model: name, from, to: shadow, ...signatures });
  }

  /**
   * Begins an automated canary.
   * @throws Refusal `change_conflict` while another one runs
   */
  async startCanary(name: string, plan: CanaryPlan, actor: Actor): Promise<CanaryMove> {
    await this.#nameDefault(name);
    for (const number of [plan.from, plan.to]) await this.#makeReady(name, number);
    const move = startCanary(plan, this.#options.now());
    await this.#change(name, [plan.from, plan.to], (entry) => {
      if (isUnderWay(entry.canary)) {
        const found = `${name} has a canary already, of version ${entry.canary.plan.to}`;
        throw new Refusal('change_conflict', found);
      }
      const { defaultVersion } = this.#options.catalogue.model(name);
      if (plan.from !== defaultVersion) {
        const found = `expected it to begin from the default version ${defaultVersion}, found ${plan.from}`;
        throw new Refusal('change_conflict', `a canary of ${name}: ${found}`);
      }
      // Named, so that what it is rolled back to stays what it was when newer versions come.
      return { ...entry, default: plan.from, split: undefined, canary: move.state };
    });
    const change = { action: 'canary_start', model: name, from: plan.from, to: plan.to };
    this.#options.audit(actor, { ...change, ...this.#signatures(name, [plan.to]) });
    this.#tell(name, move);
    return move;
  }

  /**
   * Ends a running canary: its old version answers all dies again.
   * @throws Refusal `change_conflict` when none runs
   */
  async abortCanary(name: string, actor: Actor, reason = `stopped by ${actor.id}`): Promise<CanaryMove> {
    let move: CanaryMove | undefined;
    await this.#change(name, [], (entry) => {
      if (!isUnderWay(entry.canary)) throw new Refusal('change_conflict', `${name} has no canary that runs`);
      move = abortCanary(entry.canary, reason, this.#options.now());
      return { ...entry, canary: move.state };
    });
    if (move === undefined) throw new Error('a canary that was aborted has no move');
    const { from, to } = move.state.plan;
    this.#options.audit(actor, { action: 'canary_abort', model: name, from: to, to: from, reason });
    this.#tell(name, move);
    return move;
  }

  /**
   * Lets a paused canary go on: to its next step, or to wait for more dies.
   * @throws Refusal `change_conflict` when none is paused
   */
  async resumeCanary(
    name: string,
    { next, comment }: { readonly next: 'step' | 'hold'; readonly comment?: string | undefined },
    actor: Actor,
  ): Promise<void> {
    const { catalogue, now } = this.#options;
    const canary = catalogue.serving.models[name]?.canary;
    if (canary?.status !== 'paused') {
      const found = canary === undefined ? 'none' : `one that is ${canary.status}`;
      throw new Refusal('change_conflict', `expected a canary of ${name} that is paused, found ${found}`);
    }
    const reason = `${actor.id} let it go on${comment === undefined ? '' : `: ${comment}`}`;
    await this.moveCanary(name, canary, resumeCanary(canary, next, reason, now()), actor);
  }

  /**
   * Stores what a running canary has come to; a completed one makes its version the default.
   * @param before what it has come from
   * @throws Refusal `change_conflict` when somebody has changed it meanwhile
   */
  async moveCanary(name: string, before: CanaryState, move: CanaryMove, actor: Actor): Promise<void> {
    const { state, event } = move;
    const { from, to } = state.plan;
    const change = (entry: ModelServing) => {
      if (entry.canary !== before)
        throw new Refusal('change_conflict', `the canary of ${name} was changed at the same time`);
      return state.status === 'completed'
        ? { ...entry, canary: state, default: to, previous: formerDefaults(entry, from, to) }
        : { ...entry, canary: state };
    };
    await this.#change(name, [], change, { isNewTraffic: false });
    const audited = { action: `canary_${event?.kind ?? 'step'}`, model: name, from, to };
    this.#options.audit(actor, { ...audited, percent: event?.percent, reason: state.reason });
    this.#tell(name, move);
  }

  #tell(name: string, { event }: CanaryMove): void {
    if (event !== undefined) this.#options.onCanaryEvent(name, event);
  }

  /**
   * Writes down which version is the default, where serving.json leaves it to the highest that is ready: else a
   * shadow or a canary that is loaded now would take over at once.
   */
  async #nameDefault(name: string): Promise<void> {
    const { catalogue } = this.#options;
    const { defaultVersion } = catalogue.model(name);
    const isNamed = catalogue.serving.models[name]?.default !== undefined;
    if (isNamed || catalogue.entry(`${name}/${defaultVersion}`)?.state !== 'ready') return;
    await this.#change(name, [], (entry) => ({ ...entry, default: entry.default ?? defaultVersion }), {
      isNewTraffic: false,
    });
  }

  /** Who signed the versions that a change brings up, for its audit line; nothing where nobody looks. */
  #signatures(name: string, numbers: readonly string[]): { signatures?: Record<string, SignatureReport> } {
    const signatures: Record<string, SignatureReport> = {};
    for (const number of numbers) {
      const signature = this.#options.catalogue.entry(`${name}/${number}`)?.report?.signature;
      if (signature !== undefined) signatures[number] = signature;
    }
    return Object.keys(signatures).length === 0 ? {} : { signatures };
  }

  /** @param takers versions that dies are sent to from now on, which have been loaded for it */
  async #change(
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

  /** Loads a version that dies are about to be sent to; it must read the same dies as the default. */
  async #makeReady(name: string, number: string): Promise<void> {
    const { catalogue } = this.#options;
    const { key, version } = await this.#load(name, number);
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

  /** Loads a version, which the repository may have got, or got repaired, only now; its entry before. */
  async #load(name: string, number: string): Promise<CatalogueEntry> {
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
}

/** The last defaults before `to`, latest first, each once. */
function formerDefaults({ previous = [] }: ModelServing, from: string, to: string): string[] {
  const former = from === '' ? previous : [from, ...previous];
  return [...new Set(former)].filter((number) => number !== to).slice(0, MAX_PREVIOUS);
}

function withoutSplit(entry: ModelServing): ModelServing {
  const { split: _split, canary: _canary, ...rest } = entry;
  return { ...rest, shadow: undefined };
}

function invalid(problems: readonly string[]): Refusal {
  const faults = problems.map((message) => ({ path: '', message }));
  return new Refusal('invalid_input', problems.join('; '), { faults });
}
