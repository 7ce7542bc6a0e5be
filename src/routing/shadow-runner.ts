import type { DieLabel } from '../die/die.js';
import { Refusal } from '../errors.js';
import type { Catalogue } from '../models/catalogue.js';
import type { ModelVersion } from '../models/model-version.js';
import type { Predicted } from '../prediction/predictor.js';
import type { CallRequest, ScoredDies } from '../serving/batching/call.js';
import type { Clock } from '../serving/clock.js';
import { stickyKeyOf } from '../traffic/assignment.js';
import type { Judgement } from '../traffic/pair-account.js';
import type { Experiments } from './experiments.js';
import { stickyKeyBy } from './targets.js';

/** Who is told of shadowed dies; told, never asked. */
export interface ShadowObserver {
  /** A die that both versions decided. */
  compared(primary: ModelVersion, shadow: ModelVersion, by: { primary: Judgement; shadow: Judgement }): void;
  /** Dies that the shadow did not get to see (`dropped`) or gave no decision for (`failed`). */
  missed(primary: ModelVersion, shadow: ModelVersion, outcome: 'dropped' | 'failed', dies: number): void;
}

interface ShadowRunnerOptions {
  readonly submit: (key: string, call: CallRequest) => Promise<ScoredDies>;
  readonly clock: Clock;
  readonly catalogue: Catalogue;
  readonly experiments: Experiments;
  readonly observers: readonly ShadowObserver[];
  readonly onError: (error: unknown) => void;
}

// Dies that have not come to their turn by then are dropped: the workers have better to do.
const PATIENCE_MS = 5_000;

/**
 * Shows dies to shadow versions after they have been answered: nothing a shadow does can delay or fail an
 * answer. Its dies are run when no other die waits, and dropped when too many do.
 */
export class ShadowRunner {
  readonly #options: ShadowRunnerOptions;

  constructor(options: ShadowRunnerOptions) {
    this.#options = options;
  }

  /** Observes predictions. */
  readonly predicted = (predicted: Predicted): void => {
    const { shadows = [] } = predicted.request;
    if (predicted.fallback !== undefined) return;
    for (const shadow of shadows) {
      if (shadow !== predicted.version) this.#show(shadow, predicted).catch(this.#options.onError);
    }
  };

  async #show(shadow: ModelVersion, predicted: Predicted): Promise<void> {
    const { clock, submit } = this.#options;
    const { measurements, predictions, version } = predicted;
    const startedMs = clock.nowMs();
    const dies = predictions.length;
    let scored: ScoredDies;
    try {
      scored = await submit(shadow.key, {
        dies,
        // The rows belong to other dies as soon as these have been answered.
        params: measurements.params.slice(),
        lane: 'bulk',
        deadlineAtMs: startedMs + PATIENCE_MS,
        explain: false,
      });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const outcome = error.code === 'inference_failed' ? 'failed' : 'dropped';
      this.#miss(version, shadow, outcome, measurements.labels);
      return;
    }
    this.#compare(shadow, predicted, scored);
  }

  #compare(
    shadow: ModelVersion,
    { version, measurements, predictions }: Predicted,
    scored: ScoredDies,
  ): void {
    const { catalogue, experiments, observers } = this.#options;
    const width = scored.scores.length / predictions.length;
    const pair = experiments.pair(version.name, version.version, shadow.version);
    const account = experiments.version(shadow.name, shadow.version);
    const by = stickyKeyBy(catalogue, shadow.name);
    const atMs = experiments.nowMs();
    predictions.forEach(({ anomaly_score: score, prediction: decision, die_id, inference_time_ms }, die) => {
      const label = measurements.labels[die] ?? { die_id };
      const decided = shadow.decide(scored.scores, die * width);
      if (decided === undefined) {
        this.#miss(version, shadow, 'failed', [label]);
        return;
      }
      // Runs are compared and not waits: a shadow waits longer by design.
      const primary = { score, decision, latencyMs: inference_time_ms };
      const shadowMs = scored.runMs[die] ?? 0;
      const judged = { score: decided.anomalyScore, decision: decided.prediction, latencyMs: shadowMs };
      const unit = stickyKeyOf(label, by);
      pair.recordDie(primary, judged, unit);
      account.recordDie(judged.score, judged.decision, shadowMs, unit, atMs);
      for (const observer of observers) observer.compared(version, shadow, { primary, shadow: judged });
    });
  }

  #miss(
    primary: ModelVersion,
    shadow: ModelVersion,
    outcome: 'dropped' | 'failed',
    labels: readonly DieLabel[],
  ): void {
    const { catalogue, experiments, observers } = this.#options;
    const pair = experiments.pair(primary.name, primary.version, shadow.version);
    if (outcome === 'dropped') pair.recordDropped(labels.length);
    else {
      pair.recordFailed(labels.length);
      const account = experiments.version(shadow.name, shadow.version);
      const by = stickyKeyBy(catalogue, shadow.name);
      for (const label of labels) account.recordError(stickyKeyOf(label, by));
    }
    for (const observer of observers) observer.missed(primary, shadow, outcome, labels.length);
  }
}
