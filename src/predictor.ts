import type { DieLabel, Measurements } from './die/die.js';
import type { Prediction } from './die/prediction.js';
import { Refusal } from './errors.js';
import { explain } from './models/decision/explain.js';
import type { ModelVersion } from './models/model-version.js';
import type { CallRequest, ScoredDies } from './serving/batching/call.js';
import type { Lane } from './serving/batching/queue.js';
import type { Clock } from './serving/clock.js';

/** One request's dies and what was asked of them. */
export interface PredictionRequest {
  readonly requestId: string;
  readonly version: ModelVersion;
  readonly measurements: Measurements;
  readonly lane: Lane;
  /** When the request arrived, on the predictor's clock. */
  readonly receivedAtMs: number;
  /** Milliseconds from arrival within which a worker must take the dies; the version's default if undefined. */
  readonly deadlineMs: number | undefined;
  /** How many test parameters to explain each decision with; 0 for none. */
  readonly explain: number;
  readonly onGone?: ((listener: () => void) => void) | undefined;
}

/** The scores of the dies of one call, wherever they are computed. */
export interface Scorer {
  submit(key: string, call: CallRequest): Promise<ScoredDies>;
}

/** A finished request as observers see it. */
export interface Predicted {
  readonly request: PredictionRequest;
  readonly predictions: readonly Prediction[];
  /** Milliseconds from arrival to decision. */
  readonly latencyMs: number;
}

/** Who is told of finished predictions; told, never awaited, and a fault of theirs harms no die. */
export type PredictionObserver = (predicted: Predicted) => void;

export interface PredictorOptions {
  readonly scorer: Scorer;
  readonly clock: Clock;
  /** The group of equipment of each die, float32 [dies], where the version's drift is counted. */
  readonly groupsOf?: (key: string, labels: readonly DieLabel[]) => Float32Array | undefined;
  readonly observers: readonly PredictionObserver[];
  /** Called when an observer throws. */
  readonly onObserverError: (error: unknown) => void;
}

// Each explained parameter is about 100 bytes of answer: beyond this, encoding one would stall the others.
const MAX_EXPLAINED = 65_536;

/** The way of a measurement from the decoder to its predictions, one function for each step. */
export class Predictor {
  readonly #options: PredictorOptions;
  #timestampMs = Number.NaN;
  #timestampText = '';

  constructor(options: PredictorOptions) {
    this.#options = options;
  }

  /**
   * Predictions for all dies of a request, in their order: all of them or a refusal.
   * @throws Refusal of the queue, `unscorable_die`, or `invalid_input` where the version cannot explain
   */
  async predict(request: PredictionRequest): Promise<Prediction[]> {
    const { clock, scorer, groupsOf } = this.#options;
    const { version, measurements, lane, onGone } = request;
    assertExplainable(request);
    // What the caller asks for counts from the arrival; the default from now, as a slow line is not a
    // long queue.
    const deadlineAtMs =
      request.deadlineMs === undefined
        ? clock.nowMs() + version.manifest.batching.defaultDeadlineMs
        : request.receivedAtMs + request.deadlineMs;
    const scored = await scorer.submit(version.key, {
      dies: measurements.labels.length,
      params: measurements.params,
      lane,
      deadlineAtMs,
      explain: request.explain > 0,
      groups: groupsOf?.(version.key, measurements.labels),
      onGone,
    });
    const timestamp = this.#timestamp();
    const predictions = measurements.labels.map((label, i) => decide(request, label, i, scored, timestamp));
    this.#tell({ request, predictions, latencyMs: clock.nowMs() - request.receivedAtMs });
    return predictions;
  }

  /** ISO 8601 UTC of now; made once for each millisecond, as making it costs more than deciding a die. */
  #timestamp(): string {
    const nowMs = Date.now();
    if (nowMs !== this.#timestampMs) {
      this.#timestampMs = nowMs;
      this.#timestampText = new Date(nowMs).toISOString();
    }
    return this.#timestampText;
  }

  #tell(predicted: Predicted): void {
    for (const observe of this.#options.observers) {
      try {
        observe(predicted);
      } catch (error) {
        this.#options.onObserverError(error);
      }
    }
  }
}

function assertExplainable({ explain: k, version, measurements }: PredictionRequest): void {
  if (k === 0) return;
  const asked = k * measurements.labels.length;
  const canExplain = version.manifest.outputs.contributions !== undefined;
  if (canExplain && asked <= MAX_EXPLAINED) return;
  const message = canExplain
    ? `expected at most ${MAX_EXPLAINED} explained parameters in one call, found ${measurements.labels.length} dies × ${k}`
    : `${version.key} has no contributions output, so it cannot explain a decision`;
  throw new Refusal('invalid_input', message, { faults: [{ path: 'explain', message }] });
}

function decide(
  { version, measurements, explain: k }: PredictionRequest,
  label: DieLabel,
  i: number,
  scored: ScoredDies,
  timestamp: string,
): Prediction {
  const score = scored.scores[i] ?? Number.NaN;
  const decided = version.decide(score);
  if (decided === undefined) {
    throw new Refusal(
      'unscorable_die',
      `${version.key} gives die "${label.die_id}" the score ${score}, expected a finite number`,
    );
  }
  const prediction: Prediction = {
    die_id: label.die_id,
    prediction: decided.prediction,
    confidence: rounded(decided.confidence, 1e6),
    anomaly_score: score,
    inference_time_ms: rounded(scored.runMs[i] ?? 0, 1e3),
    timestamp,
    model_name: version.name,
    model_version: version.version,
  };
  if (k > 0 && scored.contributions !== undefined) {
    const width = version.contract.parameterCount;
    const row = (values: Float32Array) => values.subarray(i * width, (i + 1) * width);
    prediction.explanation = explain(
      k,
      row(scored.contributions),
      row(measurements.params),
      version.manifest,
    );
  }
  return prediction;
}

function rounded(value: number, steps: number): number {
  return Math.round(value * steps) / steps;
}
