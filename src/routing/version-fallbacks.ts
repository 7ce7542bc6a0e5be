import type { Catalogue } from '../models/catalogue.js';
import type { ModelVersion } from '../models/model-version.js';
import { readAlike } from '../models/read-alike.js';
import type { Attempt, Fallbacks } from '../prediction/fallback.js';
import type { Clock } from '../serving/clock.js';
import {
  Circuit,
  type CircuitSettings,
  CircuitSettingsSchema,
  type CircuitState,
} from '../traffic/circuit.js';

interface VersionFallbacksOptions {
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  /** Workers that could run something now or soon. */
  readonly readyWorkers: () => number;
  readonly onCircuit: (version: ModelVersion, state: CircuitState, reason: string) => void;
  readonly settings?: CircuitSettings;
}

/** Knows by catalogue, workers and circuits whether a version can answer, and which one answers for it. */
export class VersionFallbacks implements Fallbacks {
  readonly #options: VersionFallbacksOptions;
  readonly #settings: CircuitSettings;
  readonly #circuits = new Map<string, Circuit>();

  constructor(options: VersionFallbacksOptions) {
    this.#options = options;
    this.#settings = options.settings ?? CircuitSettingsSchema.parse({});
  }

  attempt(version: ModelVersion): Attempt {
    const { key } = version;
    const { catalogue, readyWorkers, clock } = this.#options;
    if (catalogue.entry(key)?.state !== 'ready') return { unable: 'not_loaded' };
    // Another version would wait for a worker just as this one does; limits need none.
    if (readyWorkers() === 0 && version.fallback?.by === 'limits') return { unable: 'workers_down' };
    const circuit = this.#circuitOf(version);
    const ticket = circuit.admit(clock.nowMs());
    if (ticket === undefined) return { unable: 'circuit_open' };
    return {
      unable: undefined,
      succeeded: () => circuit.succeeded(ticket),
      failed: () => circuit.failed(ticket, clock.nowMs()),
    };
  }

  substitute(version: ModelVersion): ModelVersion | undefined {
    if (version.fallback?.by !== 'version') return undefined;
    const { model, version: number } = version.fallback;
    const entry = this.#options.catalogue.entry(`${model}/${number}`);
    const substitute = entry?.state === 'ready' ? entry.version : undefined;
    return substitute !== undefined && readAlike(substitute, version) ? substitute : undefined;
  }

  #circuitOf(version: ModelVersion): Circuit {
    let circuit = this.#circuits.get(version.key);
    if (circuit === undefined) {
      const { onCircuit } = this.#options;
      circuit = new Circuit(this.#settings, (state, reason) => onCircuit(version, state, reason));
      this.#circuits.set(version.key, circuit);
    }
    return circuit;
  }
}
