import type { Logger } from 'pino';
import type { Decision } from '../die/prediction.js';
import type { Catalogue } from '../models/catalogue.js';
import type { ModelVersion } from '../models/model-version.js';
import type { FailureObserver, Predicted } from '../prediction/predictor.js';
import type { Clock } from '../serving/clock.js';
import { stickyKeyOf } from '../traffic/assignment.js';
import type { Observation } from '../traffic/bounds.js';
import { advanceCanary } from '../traffic/canary.js';
import { isUnderWay } from '../traffic/canary-plan.js';
import { VersionAccount } from '../traffic/version-account.js';
import type { ModelChanges } from './model-changes.js';

interface CanaryDriverOptions {
  readonly catalogue: Catalogue;
  readonly changes: Pick<ModelChanges, 'moveCanary' | 'abortCanary'>;
  readonly clock: Clock;
  /** Wall-clock time. */
  readonly now: () => Date;
  readonly logger: Pick<Logger, 'error'>;
}

const EVERY_MS = 1_000;

/** Dies of one version that were decided alike and turned out alike. */
interface Outcome {
  readonly model: string;
  readonly version: string;
  readonly prediction: Decision;
  readonly actual: Decision;
  readonly dies: number;
}

/** What both versions of a canary did since its step began. */
interface StepAccounts {
  readonly startedAt: string;
  readonly stepSince: string;
  readonly versions: Map<string, VersionAccount>;
}

/** Watches running canaries and moves them on, or back, by what their versions do. */
export class CanaryDriver {
  readonly #options: CanaryDriverOptions;
  readonly #steps = new Map<string, StepAccounts>();
  #stopped = false;
  #cancel: () => void = () => {};

  constructor(options: CanaryDriverOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#stopped) return;
    const { clock } = this.#options;
    this.#cancel = clock.after(EVERY_MS, () => void this.#look().finally(() => this.start()));
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** Observes predictions. */
  readonly predicted = (predicted: Predicted): void => {
    const { request, version, measurements, predictions, latencyMs, fallback } = predicted;
    if (request.isNamed) return;
    const by = this.#options.catalogue.serving.models[version.name]?.canary?.plan.by;
    const account = fallback === undefined ? this.#accountOf(version) : undefined;
    if (account === undefined || by === undefined) return;
    const atMs = this.#options.now().getTime();
    predictions.forEach(({ anomaly_score, prediction, die_id }, die) => {
      const key = stickyKeyOf(measurements.labels[die] ?? { die_id }, by);
      account.recordDie(anomaly_score, prediction, latencyMs, key, atMs);
    });
  };

  /** Observes dies that a version gave no decision for, by a fault of its own. */
  readonly failed: FailureObserver = (version, labels, { isNamed }) => {
    const by = this.#options.catalogue.serving.models[version.name]?.canary?.plan.by;
    const account = isNamed ? undefined : this.#accountOf(version);
    if (account === undefined || by === undefined) return;
    for (const label of labels) account.recordError(stickyKeyOf(label, by));
  };

  /** Is told of what dies of a version turned out to be, whenever they were decided. */
  outcome({ model, version, prediction, actual, dies }: Outcome): void {
    const canary = this.#options.catalogue.serving.models[model]?.canary;
    if (!isUnderWay(canary)) return;
    const { from, to } = canary.plan;
    if (version === from || version === to)
      this.#account(model, version).outcomes.record(prediction, actual, dies);
  }

  /** What both versions of a model's canary did since its step began; undefined while none is under way. */
  observation(name: string): Observation | undefined {
    const canary = this.#options.catalogue.serving.models[name]?.canary;
    if (!isUnderWay(canary)) return undefined;
    const { from, to } = canary.plan;
    return { baseline: this.#account(name, from), candidate: this.#account(name, to) };
  }

  /** A version that fails so often that it is given a rest ends its canary, which else would wait for dies. */
  circuitOpened(name: string, number: string): void {
    const { catalogue, changes, logger } = this.#options;
    const canary = catalogue.serving.models[name]?.canary;
    if (!isUnderWay(canary) || canary.plan.to !== number) return;
    changes
      .abortCanary(name, { id: 'circuit' }, 'the version failed again and again')
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        logger.error({ model: name, reason }, 'a canary could not be stopped');
      });
  }

  /** Looks at every running canary once. */
  async #look(): Promise<void> {
    const { catalogue, logger } = this.#options;
    for (const [name, { canary }] of Object.entries(catalogue.serving.models)) {
      if (!isUnderWay(canary)) continue;
      try {
        await this.#advance(name);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        logger.error({ model: name, reason }, 'a canary could not be moved on; tried again');
      }
    }
  }

  async #advance(name: string): Promise<void> {
    const { catalogue, changes, now } = this.#options;
    const canary = catalogue.serving.models[name]?.canary;
    if (!isUnderWay(canary)) return;
    const { from, to } = canary.plan;
    const candidate = catalogue.entry(`${name}/${to}`);
    if (candidate?.state === 'failed') {
      await changes.abortCanary(name, { id: 'canary' }, candidate.reason);
      return;
    }
    const observation = { baseline: this.#account(name, from), candidate: this.#account(name, to) };
    const move = advanceCanary(canary, observation, now());
    if (move.event === undefined) return;
    await changes.moveCanary(name, canary, move, { id: 'canary' });
  }

  /** The account of a version, where it is part of a running canary. */
  #accountOf({ name, version }: ModelVersion): VersionAccount | undefined {
    const canary = this.#options.catalogue.serving.models[name]?.canary;
    if (!isUnderWay(canary)) return undefined;
    const { from, to } = canary.plan;
    return version === from || version === to ? this.#account(name, version) : undefined;
  }

  /** Begins anew with every step, but for the outcomes: they come late, and are kept for as long as the canary lasts. */
  #account(name: string, number: string): VersionAccount {
    const canary = this.#options.catalogue.serving.models[name]?.canary;
    const { stepSince = '', startedAt = '' } = canary ?? {};
    const before = this.#steps.get(name);
    let step = before;
    if (step?.stepSince !== stepSince) {
      step = { startedAt, stepSince, versions: new Map() };
      if (before?.startedAt === startedAt)
        for (const [version, { outcomes }] of before.versions)
          step.versions.set(version, new VersionAccount(version, outcomes));
      this.#steps.set(name, step);
    }
    let account = step.versions.get(number);
    if (account === undefined) {
      account = new VersionAccount(number);
      step.versions.set(number, account);
    }
    return account;
  }
}
