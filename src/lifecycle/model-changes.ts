import { Refusal } from '../errors.js';
import type { CatalogueEntry } from '../models/catalogue.js';
import { MAX_PREVIOUS, type ModelServing } from '../models/repository/serving.js';
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
import { ChangeSteps, type ChangeStepsOptions } from './change-steps.js';
import { dependentOn, trafficOf, userOf } from './needed-versions.js';
import type { VersionLoader } from './version-loader.js';

interface ModelChangesOptions extends ChangeStepsOptions {
  readonly loader: Pick<VersionLoader, 'load' | 'unload'>;
  readonly audit: Audit;
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
  readonly #steps: ChangeSteps;
  /** Versions that `unloadModel` has taken down, by model, until it is loaded again. */
  readonly #takenDown = new Map<string, readonly string[]>();

  constructor(options: ModelChangesOptions) {
    this.#options = options;
    this.#steps = new ChangeSteps(options);
  }

  /**
   * Loads a version, which the repository may have got only now.
   * @throws Refusal `model_not_found`, `version_not_found`, or `model_not_ready` when it cannot be loaded
   */
  async load(name: string, number: string, actor: Actor): Promise<void> {
    const { state } = await this.#steps.load(name, number);
    const change = { action: 'load', model: name, version: number, from: state, to: 'ready' };
    this.#options.audit(actor, { ...change, ...this.#steps.signatures(name, [number]) });
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
    await this.#steps.makeReady(name, number);
    let from = '';
    await this.#steps.change(name, [number], (entry) => {
      from = this.#options.catalogue.model(name).defaultVersion ?? '';
      return { ...withoutSplit(entry), default: number, previous: formerDefaults(entry, from, number) };
    });
    const signatures = this.#steps.signatures(name, [number]);
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
    await this.#steps.makeReady(name, to);
    await this.#steps.change(name, [to], (entry) => {
      if (entry.previous?.[0] !== to)
        throw new Refusal('change_conflict', `${name} was changed at the same time; look again`);
      return { ...withoutSplit(entry), default: to, previous: earlier };
    });
    audit(actor, { action: 'roll_back', model: name, from, to, ...this.#steps.signatures(name, [to]) });
    return to;
  }

  /** Splits a model's traffic, or ends the split with undefined. */
  async setSplit(name: string, split: Split | undefined, actor: Actor): Promise<void> {
    const takers = Object.keys(split?.weights ?? {});
    for (const number of takers) await this.#steps.makeReady(name, number);
    let from: Split | undefined;
    await this.#steps.change(name, takers, (entry) => {
      if (split !== undefined && isUnderWay(entry.canary))
        throw new Refusal('change_conflict', `${name} has a canary, which sets the weights until it ends`);
      from = entry.split;
      return { ...entry, split };
    });
    const change = { action: 'split', model: name, from: from ?? null, to: split ?? null };
    this.#options.audit(actor, { ...change, ...this.#steps.signatures(name, takers) });
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
    await this.#steps.change(name, [], change, { isNewTraffic: false });
    this.#options.audit(actor, { action: 'base_rate', model: name, from: from ?? null, to: rate ?? null });
  }

  /** Sets the versions that see a model's dies without a say. */
  async setShadow(name: string, shadow: Shadow, actor: Actor): Promise<void> {
    if (shadow.length > 0) await this.#steps.nameDefault(name);
    for (const number of shadow) await this.#steps.makeReady(name, number);
    let from: Shadow = [];
    await this.#steps.change(name, shadow, (entry) => {
      from = entry.shadow ?? [];
      return { ...entry, shadow };
    });
    const signatures = this.#steps.signatures(name, shadow);
    this.#options.audit(actor, { action: 'shadow', model: name, from, to: shadow, ...signatures });
  }

  /**
   * Begins an automated canary.
   * @throws Refusal `change_conflict` while another one runs
   */
  async startCanary(name: string, plan: CanaryPlan, actor: Actor): Promise<CanaryMove> {
    await this.#steps.nameDefault(name);
    for (const number of [plan.from, plan.to]) await this.#steps.makeReady(name, number);
    const move = startCanary(plan, this.#options.now());
    await this.#steps.change(name, [plan.from, plan.to], (entry) => {
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
    this.#options.audit(actor, { ...change, ...this.#steps.signatures(name, [plan.to]) });
    this.#tell(name, move);
    return move;
  }

  /**
   * Ends a running canary: its old version answers all dies again.
   * @throws Refusal `change_conflict` when none runs
   */
  async abortCanary(name: string, actor: Actor, reason = `stopped by ${actor.id}`): Promise<CanaryMove> {
    let move: CanaryMove | undefined;
    await this.#steps.change(name, [], (entry) => {
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
    await this.#steps.change(name, [], change, { isNewTraffic: false });
    const audited = { action: `canary_${event?.kind ?? 'step'}`, model: name, from, to };
    this.#options.audit(actor, { ...audited, percent: event?.percent, reason: state.reason });
    this.#tell(name, move);
  }

  #tell(name: string, { event }: CanaryMove): void {
    if (event !== undefined) this.#options.onCanaryEvent(name, event);
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
