import { Refusal } from '../errors.js';
import type { Catalogue } from '../models/catalogue.js';
import { sameContract } from '../models/model-version.js';
import { servingProblems } from '../models/repository/read-serving.js';
import { MAX_PREVIOUS, type ModelServing, type Serving } from '../models/repository/serving.js';
import { abortCanary, type CanaryMove, startCanary } from '../traffic/canary.js';
import type { CanaryPlan } from '../traffic/canary-plan.js';
import type { Shadow } from '../traffic/shadow.js';
import type { Split } from '../traffic/split.js';
import type { Actor, Audit } from './audit.js';
import { neededVersions, trafficOf } from './needed-versions.js';
import type { ServingState } from './serving-state.js';
import type { VersionLoader } from './version-loader.js';

export interface ModelChangesOptions {
  readonly catalogue: Catalogue;
  readonly loader: VersionLoader;
  readonly state: ServingState;
  readonly audit: Audit;
  /** Looks for versions that the repository has got since it was read. */
  readonly rescan: () => Promise<void>;
  /** Told when a model's dies go elsewhere from now on: what was counted before compares with nothing. */
  readonly onTrafficChange: (model: string) => void;
  /** Wall-clock time. */
  readonly now: () => Date;
}

/**
 * Everything that can be changed while dies are being answered. A version is loaded before dies are sent
 * to it, and what is served changes in one step; every change is one line in the audit log.
 */
export class ModelChanges {
  readonly #options: ModelChangesOptions;

  constructor(options: ModelChangesOptions) {
    this.#options = options;
  }

  /**
   * Loads a version, which the repository may have got only now.
   * @throws Refusal `model_not_found` or `version_not_found`
   * @throws Fault `invalid_model` when it cannot be loaded
   */
  async load(name: string, number: string, actor: Actor): Promise<void> {
    const { catalogue, loader, rescan, audit } = this.#options;
    const known = catalogue.entry(`${name}/${number}`);
    if (known?.version === undefined) await rescan();
    const { key, state } = catalogue.find(name, number);
    await loader.load(key);
    audit(actor, { action: 'load', model: name, from: state, to: number });
  }

  /**
   * Takes down a version that no die is sent to.
   * @throws Refusal `change_conflict` when dies are sent to it
   */
  async unload(name: string, number: string, actor: Actor): Promise<void> {
    const { catalogue, loader, audit, state: serving } = this.#options;
    const { key, state } = catalogue.find(name, number);
    await serving.exclusively(async () => {
      const user = this.#userOf(name, number);
      if (user !== undefined)
        throw new Refusal('change_conflict', `${key} cannot be unloaded: it is ${user}`);
      await loader.unload(key);
    });
    audit(actor, { action: 'unload', model: name, from: state, to: 'unloaded' });
  }

  /** Loads a model's default version, or its highest, which the repository may have got only now. */
  async loadModel(name: string, actor: Actor): Promise<void> {
    const { catalogue, rescan } = this.#options;
    await rescan();
    const { number } = catalogue.find(name);
    await this.load(name, number, actor);
  }

  /**
   * Takes all versions of a model down, until one is loaded again or the server starts anew.
   * @throws Refusal `change_conflict` for the default model, which POST /predict needs, and for a model
   * that another one falls back on
   */
  async unloadModel(name: string, actor: Actor): Promise<void> {
    const { catalogue, loader, audit } = this.#options;
    const { versions } = catalogue.model(name);
    if (name === catalogue.defaultModel)
      throw new Refusal('change_conflict', `${name} cannot be unloaded: it is the model of POST /predict`);
    for (const { number } of versions) {
      const dependent = this.#dependentOf(name, number);
      if (dependent !== undefined && !dependent.startsWith(`${name}/`))
        throw new Refusal(
          'change_conflict',
          `${name} cannot be unloaded: it is the fallback of ${dependent}`,
        );
    }
    const ready = versions.filter(({ state }) => state === 'ready');
    for (const { key } of ready) await loader.unload(key);
    audit(actor, { action: 'unload', model: name, from: ready.map(({ number }) => number), to: 'unloaded' });
  }

  /** Makes a version the one that answers where none is named; a split and a canary of the model end. */
  async promote(name: string, number: string, actor: Actor): Promise<void> {
    await this.#makeReady(name, number);
    let from = '';
    await this.#change(name, (entry) => {
      from = this.#options.catalogue.model(name).defaultVersion ?? '';
      return { ...withoutSplit(entry), default: number, previous: formerDefaults(entry, from, number) };
    });
    this.#options.audit(actor, { action: 'promote', model: name, from, to: number });
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
    await this.#change(name, (entry) => {
      if (entry.previous?.[0] !== to)
        throw new Refusal('change_conflict', `${name} was changed at the same time; look again`);
      return { ...withoutSplit(entry), default: to, previous: earlier };
    });
    audit(actor, { action: 'roll_back', model: name, from, to });
    return to;
  }

  /** Splits a model's traffic, or ends the split with undefined. */
  async setSplit(name: string, split: Split | undefined, actor: Actor): Promise<void> {
    for (const number of Object.keys(split?.weights ?? {})) await this.#makeReady(name, number);
    let from: Split | undefined;
    await this.#change(name, (entry) => {
      from = entry.split;
      return { ...entry, split };
    });
    this.#options.audit(actor, { action: 'split', model: name, from: from ?? null, to: split ?? null });
  }

  /** Sets the versions that see a model's dies without a say. */
  async setShadow(name: string, shadow: Shadow, actor: Actor): Promise<void> {
    for (const number of shadow) await this.#makeReady(name, number);
    let from: Shadow = [];
    await this.#change(name, (entry) => {
      from = entry.shadow ?? [];
      return { ...entry, shadow };
    });
    this.#options.audit(actor, { action: 'shadow', model: name, from, to: shadow });
  }

  /**
   * Begins an automated canary.
   * @throws Refusal `change_conflict` while another one runs
   */
  async startCanary(name: string, plan: CanaryPlan, actor: Actor): Promise<CanaryMove> {
    const { defaultVersion } = this.#options.catalogue.model(name);
    if (plan.from !== defaultVersion) {
      const found = `expected it to begin from the default version ${defaultVersion}, found ${plan.from}`;
      throw new Refusal('change_conflict', `a canary of ${name}: ${found}`);
    }
    for (const number of [plan.from, plan.to]) await this.#makeReady(name, number);
    const move = startCanary(plan, this.#options.now());
    await this.#change(name, (entry) => {
      if (entry.canary?.status === 'running')
        throw new Refusal(
          'change_conflict',
          `${name} has a canary already, of version ${entry.canary.plan.to}`,
        );
      return { ...entry, split: undefined, canary: move.state };
    });
    this.#options.audit(actor, { action: 'canary_start', model: name, from: plan.from, to: plan.to });
    return move;
  }

  /**
   * Ends a running canary by hand: its old version answers all dies again.
   * @throws Refusal `change_conflict` when none runs
   */
  async abortCanary(name: string, actor: Actor): Promise<CanaryMove> {
    let move: CanaryMove | undefined;
    await this.#change(name, (entry) => {
      if (entry.canary?.status !== 'running')
        throw new Refusal('change_conflict', `${name} has no canary that runs`);
      move = abortCanary(entry.canary, `stopped by ${actor.id}`, this.#options.now());
      return { ...entry, canary: move.state };
    });
    if (move === undefined) throw new Error('a canary that was aborted has no move');
    const { from, to } = move.state.plan;
    this.#options.audit(actor, { action: 'canary_abort', model: name, from: to, to: from });
    return move;
  }

  /** Stores what a running canary has come to; a completed one makes its version the default. */
  async moveCanary(name: string, { state, event }: CanaryMove, actor: Actor): Promise<void> {
    const { from, to } = state.plan;
    const move = (entry: ModelServing) =>
      state.status === 'completed'
        ? { ...entry, canary: state, default: to, previous: formerDefaults(entry, from, to) }
        : { ...entry, canary: state };
    await this.#change(name, move, { isNewTraffic: false });
    const change = { action: `canary_${event?.kind ?? 'step'}`, model: name, from, to };
    this.#options.audit(actor, { ...change, percent: event?.percent, reason: state.reason });
  }

  async #change(
    name: string,
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
      const after = { ...serving, models: { ...serving.models, [name]: entry } };
      this.#assertStillReady(name, serving, after);
      return after;
    });
    if (isNewTraffic) this.#options.onTrafficChange(name);
  }

  /** A version that was made ready for its first dies may have been unloaded before its turn came. */
  #assertStillReady(name: string, before: Serving, after: Serving): void {
    const known = trafficOf(before, name);
    for (const number of trafficOf(after, name)) {
      if (known.includes(number) || this.#options.catalogue.entry(`${name}/${number}`)?.state === 'ready')
        continue;
      throw new Refusal('change_conflict', `${name}/${number} was unloaded at the same time; look again`);
    }
  }

  /** Loads a version that dies are about to be sent to; it must read the same dies as the default. */
  async #makeReady(name: string, number: string): Promise<void> {
    const { catalogue, loader } = this.#options;
    const { key, version } = catalogue.find(name, number);
    await loader.load(key);
    const { defaultVersion } = catalogue.model(name);
    const current = catalogue.entry(`${name}/${defaultVersion}`);
    if (version === undefined || current?.version === undefined || current.state !== 'ready') return;
    if (sameContract(version, current.version)) return;
    const reads = ({ contract }: typeof version) =>
      `${contract.parameterCount} parameters${contract.acceptsMissing ? ', missing ones too' : ''}`;
    throw new Refusal(
      'change_conflict',
      `${key} reads ${reads(version)}, ${current.key} ${reads(current.version)}: testers would have to change with it`,
    );
  }

  /** What a version is needed for; undefined for nothing. */
  #userOf(name: string, number: string): string | undefined {
    const { catalogue } = this.#options;
    if (catalogue.model(name).defaultVersion === number) return 'the default version';
    if (trafficOf(catalogue.serving, name).includes(number)) return 'in the split, the canary or the shadows';
    const dependent = this.#dependentOf(name, number);
    return dependent === undefined ? undefined : `the fallback of ${dependent}`;
  }

  /** Key of a needed version that falls back on this one. */
  #dependentOf(name: string, number: string): string | undefined {
    const { catalogue } = this.#options;
    return neededVersions(catalogue).find((key) => {
      const fallback = catalogue.entry(key)?.version?.fallback;
      return fallback?.by === 'version' && fallback.model === name && fallback.version === number;
    });
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
