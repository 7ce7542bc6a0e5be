import { Refusal } from '../errors.js';
import type { Actor } from '../lifecycle/audit.js';
import type { ModelChanges } from '../lifecycle/model-changes.js';
import { type Catalogue, readable, type VersionState } from '../models/catalogue.js';
import type { ModelVersion } from '../models/model-version.js';
import { readAlike } from '../models/read-alike.js';
import type { Predictor } from '../prediction/predictor.js';
import type { Target } from '../routing/targets.js';
import type { OipControl, OipEngine, OipInference, OipState, OipVersion } from './engine.js';
import { inputsOf } from './inputs.js';
import { type InferResults, outputsOf } from './outputs.js';
import type { VersionStatistics } from './schemas.js';
import type { InferStatistics } from './statistics.js';

export interface PredictorEngineOptions {
  readonly predictor: Predictor;
  readonly catalogue: Catalogue;
  /** See `PredictRouteOptions.admit`. */
  readonly admit: (model: string | undefined, version: string | undefined) => Target | Promise<Target>;
  /** Where the dies of a call go, whether or not there is room for them. */
  readonly target: (model: string, version: string | undefined) => Target;
  /** What readiness waits for; empty when ready. */
  readonly missing: () => readonly string[];
  /** What versions have done, by their keys; without it the protocol offers no statistics. */
  readonly statistics?: InferStatistics;
  readonly changes: Pick<ModelChanges, 'loadModel' | 'unloadModel'>;
}

const STATES: Readonly<Record<VersionState, OipState>> = {
  unloaded: 'UNAVAILABLE',
  loading: 'LOADING',
  ready: 'READY',
  failed: 'UNAVAILABLE',
};

/** The protocol's view of the predictor and the catalogue: its infer requests enter the same queues as /predict. */
export class PredictorEngine implements OipEngine {
  readonly statistics?: (version: OipVersion) => VersionStatistics;
  readonly control: OipControl;
  readonly #options: PredictorEngineOptions;
  readonly #shown = new WeakMap<ModelVersion, OipVersion>();

  constructor(options: PredictorEngineOptions) {
    this.#options = options;
    const { statistics, changes } = options;
    if (statistics !== undefined)
      this.statistics = ({ name, version }) => statistics.of(`${name}/${version}`);
    this.control = {
      load: (model: string, actor: Actor) => changes.loadModel(model, actor),
      unload: (model: string, actor: Actor) => changes.unloadModel(model, actor),
    };
  }

  missing(): readonly string[] {
    return this.#options.missing();
  }

  /** Those whose files can be read: of the others nothing is known but that they are there. */
  versions(model?: string): OipVersion[] {
    const { catalogue } = this.#options;
    const models = model === undefined ? catalogue.models() : [catalogue.model(model)];
    return models.flatMap(({ versions }) =>
      versions.flatMap(({ version }) => (version === undefined ? [] : [this.#show(version)])),
    );
  }

  find(model: string, version?: string): OipVersion {
    return this.#show(readable(this.#options.catalogue.find(model, version)));
  }

  state({ name, version }: OipVersion): { state: OipState; reason: string } {
    const { state, reason, key } = this.#options.catalogue.find(name, version);
    return { state: STATES[state], reason: state === 'ready' ? '' : (reason ?? `${key} is ${state}`) };
  }

  admit(model: string, version?: string): OipVersion | Promise<OipVersion> {
    const target = this.#options.admit(model, version);
    return target instanceof Promise
      ? target.then((found) => this.#show(found.version))
      : this.#show(target.version);
  }

  async infer({ version: read, isNamed, labels, params, ...request }: OipInference): Promise<InferResults> {
    const { target, predictor } = this.#options;
    const { version, assign, shadows } = target(read.name, isNamed ? read.version : undefined);
    assertReadFor(version, read);
    const { predictions, contributions } = await predictor.infer({
      requestId: request.requestId,
      keyId: request.keyId,
      trace: request.trace,
      traceId: request.trace?.sampled ? request.trace.traceId : undefined,
      version,
      assign,
      isNamed,
      shadows,
      measurements: { labels, params },
      lane: labels.length === 1 ? 'realtime' : 'bulk',
      receivedAtMs: request.receivedAtMs,
      deadlineMs: request.deadlineMs,
      explain: 0,
      rawContributions: request.contributions,
      onGone: request.onGone,
    });
    return contributions === undefined ? { predictions } : { predictions, contributions };
  }

  #show(version: ModelVersion): OipVersion {
    let shown = this.#shown.get(version);
    if (shown === undefined) {
      const { name, contract, manifest } = version;
      shown = {
        name,
        version: version.version,
        inputs: inputsOf(manifest, contract),
        rowName: manifest.input.name,
        contract,
        outputs: outputsOf(manifest),
        threshold: manifest.threshold,
        sha256: manifest.sha256,
        batching: manifest.batching,
      };
      this.#shown.set(version, shown);
    }
    return shown;
  }
}

/** The default may have changed while the body came: its dies must be read the same way. */
function assertReadFor(version: ModelVersion, read: OipVersion): void {
  if (readAlike(version, { contract: read.contract })) return;
  throw new Refusal('model_not_ready', `${version.key} has taken over and reads other dies`, {
    retryAfterSeconds: 1,
  });
}
