import type { Catalogue } from '../../models/catalogue.js';
import type { ModelVersion } from '../../models/model-version.js';
import type { Predictor } from '../../predictor.js';
import type { OipEngine, OipInference, OipState, OipVersion } from './engine.js';
import { type InferResults, outputsOf } from './outputs.js';
import type { VersionStatistics } from './schemas.js';
import type { InferStatistics } from './statistics.js';

export interface PredictorEngineOptions {
  readonly predictor: Predictor;
  readonly catalogue: Catalogue;
  /** See `PredictRouteOptions.admit`. */
  readonly admit: (model: string | undefined, version: string | undefined) => ModelVersion;
  /** What readiness waits for; empty when ready. */
  readonly missing: () => readonly string[];
  /** What versions have done, by their keys; without it the protocol offers no statistics. */
  readonly statistics?: InferStatistics;
}

/** The protocol's view of the predictor and the catalogue: its infer requests enter the same queues as /predict. */
export class PredictorEngine implements OipEngine {
  readonly statistics?: (version: OipVersion) => VersionStatistics;
  readonly #options: PredictorEngineOptions;
  readonly #shown = new WeakMap<ModelVersion, OipVersion>();

  constructor(options: PredictorEngineOptions) {
    this.#options = options;
    const { statistics } = options;
    if (statistics !== undefined)
      this.statistics = ({ name, version }) => statistics.of(`${name}/${version}`);
  }

  missing(): readonly string[] {
    return this.#options.missing();
  }

  versions(model?: string): OipVersion[] {
    const { catalogue } = this.#options;
    const models = model === undefined ? catalogue.models() : [catalogue.model(model)];
    return models.flatMap(({ versions }) => versions.map(({ version }) => this.#show(version)));
  }

  find(model: string, version?: string): OipVersion {
    return this.#show(this.#options.catalogue.find(model, version).version);
  }

  state({ name, version }: OipVersion): { state: OipState; reason: string } {
    const { state } = this.#options.catalogue.find(name, version);
    return state === 'ready'
      ? { state: 'READY', reason: '' }
      : { state: 'LOADING', reason: `${name}/${version} is still being loaded` };
  }

  admit(model: string, version?: string): OipVersion {
    return this.#show(this.#options.admit(model, version));
  }

  async infer({ version, labels, params, ...request }: OipInference): Promise<InferResults> {
    const { catalogue, predictor } = this.#options;
    const predictions = await predictor.predict({
      requestId: request.requestId,
      version: catalogue.find(version.name, version.version).version,
      measurements: { labels, params },
      lane: labels.length === 1 ? 'realtime' : 'bulk',
      receivedAtMs: request.receivedAtMs,
      deadlineMs: request.deadlineMs,
      explain: 0,
      onGone: request.onGone,
    });
    return { predictions };
  }

  #show(version: ModelVersion): OipVersion {
    let shown = this.#shown.get(version);
    if (shown === undefined) {
      const { name, contract, manifest } = version;
      const inputName = manifest.input.name;
      shown = { name, version: version.version, inputName, contract, outputs: outputsOf(manifest) };
      this.#shown.set(version, shown);
    }
    return shown;
  }
}
