import { Refusal } from '../errors.js';
import type { Catalogue } from '../models/catalogue.js';
import type { FailureObserver, Predicted } from '../prediction/predictor.js';
import { stickyKeyOf } from '../traffic/assignment.js';
import { compareVersions, type Experiment } from '../traffic/experiment.js';
import { PairAccount } from '../traffic/pair-account.js';
import { type ExperimentRules, ExperimentRulesSchema } from '../traffic/rules.js';
import { VersionAccount } from '../traffic/version-account.js';
import type { OutcomeCount } from './outcome-accounts.js';
import { stickyKeyBy } from './targets.js';

/** What is known of a model's versions since they were last set against each other anew. */
interface ModelAccounts {
  readonly since: Date;
  readonly versions: Map<string, VersionAccount>;
  /** By `primary>shadow`. */
  readonly pairs: Map<string, PairAccount>;
}

/** The versions of a model compared with its default. */
interface ModelExperiments {
  readonly model: string;
  readonly since: Date;
  readonly experiments: readonly Experiment[];
}

/**
 * Keeps account of what every version decided, so that versions can be compared. The account of a model
 * begins anew when its traffic is changed: versions are compared over the same dies, or none.
 */
export class Experiments {
  readonly #catalogue: Catalogue;
  readonly #now: () => Date;
  readonly #models = new Map<string, ModelAccounts>();

  constructor(catalogue: Catalogue, now: () => Date) {
    this.#catalogue = catalogue;
    this.#now = now;
  }

  /** The time that all accounts go by, milliseconds. */
  nowMs(): number {
    return this.#now().getTime();
  }

  /** Observes predictions. */
  readonly predicted = (predicted: Predicted): void => {
    const { request, version, measurements, predictions, latencyMs, fallback } = predicted;
    // A fallback's decision says nothing of the version; dies that were sent to it by name, nothing of
    // those that it would be sent.
    if (fallback !== undefined || request.isNamed) return;
    const account = this.version(version.name, version.version);
    const by = stickyKeyBy(this.#catalogue, version.name);
    const atMs = this.nowMs();
    predictions.forEach(({ anomaly_score, prediction, die_id }, die) => {
      const key = stickyKeyOf(measurements.labels[die] ?? { die_id }, by);
      account.recordDie(anomaly_score, prediction, latencyMs, key, atMs);
    });
  };

  /** Observes dies that a version gave no decision for, by a fault of its own. */
  readonly failed: FailureObserver = (version, labels, { isNamed }) => {
    if (isNamed) return;
    const account = this.version(version.name, version.version);
    const by = stickyKeyBy(this.#catalogue, version.name);
    for (const label of labels) account.recordError(stickyKeyOf(label, by));
  };

  /** Is told of outcomes, whichever dies they are of. */
  outcome({ model, version, prediction, actual, dies }: OutcomeCount): void {
    this.version(model, version).outcomes.record(prediction, actual, dies);
  }

  /** The account of a version. */
  version(model: string, number: string): VersionAccount {
    const { versions } = this.#of(model);
    let account = versions.get(number);
    if (account === undefined) {
      account = new VersionAccount(number);
      versions.set(number, account);
    }
    return account;
  }

  /** The account of a version and its shadow. */
  pair(model: string, primary: string, shadow: string): PairAccount {
    const { pairs } = this.#of(model);
    const key = `${primary}>${shadow}`;
    let account = pairs.get(key);
    if (account === undefined) {
      account = new PairAccount(primary, shadow);
      pairs.set(key, account);
    }
    return account;
  }

  /** What a version has done since the account of its model began, and for how long that is. */
  historyOf(model: string, number: string): { readonly account: VersionAccount; readonly elapsedMs: number } {
    const { since } = this.#of(model);
    return { account: this.version(model, number), elapsedMs: this.nowMs() - since.getTime() };
  }

  /** Forgets what is known of a model. */
  reset(model: string): void {
    this.#models.delete(model);
  }

  /**
   * Compares every other version that has seen dies with the model's default.
   * @throws Refusal `model_not_found`
   */
  compare(model: string): ModelExperiments {
    const { defaultVersion: baseline } = this.#catalogue.model(model);
    if (baseline === undefined)
      throw new Refusal('model_not_ready', `${model} has no default version to compare with`);
    const { since, versions, pairs } = this.#of(model);
    const candidates = [...versions.keys()]
      .filter((number) => number !== baseline)
      .sort((a, b) => Number(a) - Number(b));
    return {
      model,
      since,
      experiments: candidates.map((candidate) =>
        compareVersions({
          baseline: this.version(model, baseline),
          candidate: this.version(model, candidate),
          pair: pairs.get(`${baseline}>${candidate}`),
          rules: this.#rulesOf(model, candidate),
        }),
      ),
    };
  }

  #rulesOf(model: string, candidate: string): ExperimentRules {
    const manifest = this.#catalogue.entry(`${model}/${candidate}`)?.version?.manifest;
    return manifest?.experiment ?? ExperimentRulesSchema.parse({});
  }

  #of(model: string): ModelAccounts {
    let accounts = this.#models.get(model);
    if (accounts === undefined) {
      accounts = { since: this.#now(), versions: new Map(), pairs: new Map() };
      this.#models.set(model, accounts);
    }
    return accounts;
  }
}
