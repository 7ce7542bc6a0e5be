import type { Actor } from '../lifecycle/audit.js';
import type { ModelChanges } from '../lifecycle/model-changes.js';
import { type Catalogue, readable, type VersionState } from '../models/catalogue.js';
import type { ModelVersion } from '../models/model-version.js';
import type { OipControl, OipEngine, OipState, OipVersion } from './engine.js';
import { inputsOf } from './inputs.js';
import { outputsOf } from './outputs.js';
import type { VersionStatistics } from './schemas.js';
import type { InferStatistics } from './statistics.js';

interface CatalogueEngineOptions {
  readonly catalogue: Catalogue;
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

/** The protocol's view of the catalogue. */
export class CatalogueEngine implements OipEngine {
  readonly statistics?: (version: OipVersion) => VersionStatistics;
  readonly control: OipControl;
  readonly #options: CatalogueEngineOptions;
  readonly #known = new WeakMap<ModelVersion, OipVersion>();

  constructor(options: CatalogueEngineOptions) {
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
      versions.flatMap(({ version }) => (version === undefined ? [] : [this.shown(version)])),
    );
  }

  find(model: string, version?: string): OipVersion {
    return this.shown(readable(this.#options.catalogue.find(model, version)));
  }

  state({ name, version }: OipVersion): { state: OipState; reason: string } {
    const { state, reason, key } = this.#options.catalogue.find(name, version);
    return { state: STATES[state], reason: state === 'ready' ? '' : (reason ?? `${key} is ${state}`) };
  }

  shown(version: ModelVersion): OipVersion {
    let shown = this.#known.get(version);
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
      this.#known.set(version, shown);
    }
    return shown;
  }
}
