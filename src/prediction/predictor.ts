import type { Measurements } from '../die/die.js';
import type { Prediction } from '../die/prediction.js';
import { Refusal } from '../errors.js';
import type { ModelVersion } from '../models/model-version.js';
import type { CallRequest, ScoredDies } from '../serving/batching/call.js';
import type { Lane } from '../serving/batching/queue.js';
import type { Clock } from '../serving/clock.js';
import type { RequestTrace } from '../tracing/tracer.js';
import { type FallbackReason, type Fallbacks, failureOf, NO_FALLBACKS } from './fallback.js';
import { type Assign, groupByVersion, rowsOf } from './groups.js';
import { predictionByLimits, predictionOf } from './prediction-of.js';

/** One request's dies and what was asked of them. */
export interface PredictionRequest {
  readonly requestId: string;
  /** The trace that the request is a part of, where it is one of any. */
  readonly trace?: RequestTrace | undefined;
  /** Id of that trace, 32 lower-case hex digits, where somebody keeps it: what an exemplar may name. */
  readonly traceId?: string | undefined;
  /** The version by whose contract the dies were read, and which answers where `assign` says no other. */
  readonly version: ModelVersion;
  /** The version of each die, where the model's traffic is split; all have the same contract. */
  readonly assign?: Assign | undefined;
  /** Versions that see the same dies, without a say in the answer. */
  readonly shadows?: readonly ModelVersion[] | undefined;
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

/** The dies of a finished request that one version answered, as observers see them. */
export interface Predicted {
  readonly request: PredictionRequest;
  /** The version that the dies were given; a fallback may have answered for it. */
  readonly version: ModelVersion;
  /** The dies that it was given; their rows may be read only until the observer returns. */
  readonly measurements: Measurements;
  readonly predictions: readonly Prediction[];
  /** Milliseconds from arrival to decision. */
  readonly latencyMs: number;
  /** Why a fallback answered; undefined where none did. */
  readonly fallback: FallbackReason | undefined;
}

/** Who is told of finished predictions; told, never awaited, and a fault of theirs harms no die. */
export type PredictionObserver = (predicted: Predicted) => void;

/** Who is told of dies that a version gave no decision for, by a fault of its own. */
export type FailureObserver = (version: ModelVersion, dies: number) => void;

export interface PredictorOptions {
  readonly scorer: Scorer;
  readonly clock: Clock;
  readonly fallbacks?: Fallbacks;
  readonly observers: readonly PredictionObserver[];
  readonly failureObservers?: readonly FailureObserver[];
  /** Called when an observer throws. */
  readonly onObserverError: (error: unknown) => void;
}

// Each explained parameter is about 100 bytes of answer: beyond this, encoding one would stall the others.
const MAX_EXPLAINED = 65_536;

/** What has been predicted, and by whom. */
interface Answer {
  readonly predictions: Prediction[];
  readonly fallback: FallbackReason | undefined;
}

/** The way of a measurement from the decoder to its predictions, one function for each step. */
export class Predictor {
  readonly #options: PredictorOptions;
  readonly #fallbacks: Fallbacks;
  #timestampMs = Number.NaN;
  #timestampText = '';

  constructor(options: PredictorOptions) {
    this.#options = options;
    this.#fallbacks = options.fallbacks ?? NO_FALLBACKS;
  }

  /**
   * Predictions for all dies of a request, in their order: all of them or a refusal.
   * @throws Refusal of the queue, `unscorable_die`, or `invalid_input` where the version cannot explain
   */
  async predict(request: PredictionRequest): Promise<Prediction[]> {
    const { assign, measurements, version } = request;
    if (assign === undefined) return this.#predictBy(version, measurements, request);
    const groups = groupByVersion(measurements.labels, assign);
    const [only] = groups;
    if (only !== undefined && groups.length === 1)
      return this.#predictBy(only.version, measurements, request);
    const predictions: Prediction[] = [];
    const parts = await Promise.all(
      groups.map((group) => this.#predictBy(group.version, rowsOf(measurements, group.dies), request)),
    );
    groups.forEach(({ dies }, g) => {
      dies.forEach((die, i) => {
        const prediction = parts[g]?.[i];
        if (prediction !== undefined) predictions[die] = prediction;
      });
    });
    return predictions;
  }

  async #predictBy(
    version: ModelVersion,
    measurements: Measurements,
    request: PredictionRequest,
  ): Promise<Prediction[]> {
    assertExplainable(version, measurements, request.explain);
    const { predictions, fallback } = await this.#answer(version, measurements, request);
    const latencyMs = this.#options.clock.nowMs() - request.receivedAtMs;
    const predicted = { request, version, measurements, predictions, latencyMs, fallback };
    this.#tellEach(this.#options.observers, (observe) => observe(predicted));
    return predictions;
  }

  /** The version's own answer, or that of its fallback when the version cannot answer. */
  async #answer(
    version: ModelVersion,
    measurements: Measurements,
    request: PredictionRequest,
  ): Promise<Answer> {
    if (version.fallback === undefined)
      return { predictions: await this.#score(version, measurements, request), fallback: undefined };
    const attempt = this.#fallbacks.attempt(version);
    if (attempt.unable !== undefined) return this.#fallBack(version, attempt.unable, measurements, request);
    try {
      const predictions = await this.#score(version, measurements, request);
      attempt.succeeded();
      return { predictions, fallback: undefined };
    } catch (error) {
      const reason = failureOf(error);
      if (reason === undefined) throw error;
      attempt.failed();
      return this.#fallBack(version, reason, measurements, request, error);
    }
  }

  /** @throws the version's own refusal where its fallback cannot answer either */
  async #fallBack(
    version: ModelVersion,
    reason: FallbackReason,
    measurements: Measurements,
    request: PredictionRequest,
    cause: unknown = new Refusal('model_not_ready', `${version.key} cannot answer (${reason})`, {
      retryAfterSeconds: 1,
    }),
  ): Promise<Answer> {
    const { fallback } = version;
    const mark = (predictions: Prediction[]): Answer => {
      for (const prediction of predictions) prediction.fallback = true;
      return { predictions, fallback: reason };
    };
    if (fallback?.by === 'limits') {
      const timestamp = this.#timestamp();
      const { labels, params } = measurements;
      return mark(
        labels.map((label, i) =>
          predictionByLimits(version, fallback.limits, { label, params, die: i, timestamp }),
        ),
      );
    }
    const substitute = this.#fallbacks.substitute(version);
    if (substitute === undefined) throw cause;
    return mark(await this.#score(substitute, measurements, { ...request, explain: 0 }));
  }

  async #score(
    version: ModelVersion,
    measurements: Measurements,
    request: PredictionRequest,
  ): Promise<Prediction[]> {
    try {
      return await this.#scoreOrThrow(version, measurements, request);
    } catch (error) {
      if (failureOf(error) === 'failed') {
        const dies = measurements.labels.length;
        this.#tellEach(this.#options.failureObservers ?? [], (observe) => observe(version, dies));
      }
      throw error;
    }
  }

  async #scoreOrThrow(
    version: ModelVersion,
    measurements: Measurements,
    request: PredictionRequest,
  ): Promise<Prediction[]> {
    const { clock, scorer } = this.#options;
    const scored = await scorer.submit(version.key, {
      dies: measurements.labels.length,
      params: measurements.params,
      lane: request.lane,
      // What the caller asks for counts from the arrival; the default from now, as a slow line is not a
      // long queue.
      deadlineAtMs:
        request.deadlineMs === undefined
          ? clock.nowMs() + version.manifest.batching.defaultDeadlineMs
          : request.receivedAtMs + request.deadlineMs,
      explain: request.explain > 0,
      onGone: request.onGone,
      span: request.trace?.span,
    });
    const timestamp = this.#timestamp();
    const explainBy = request.explain;
    return measurements.labels.map((label, i) =>
      predictionOf(version, scored, { label, params: measurements.params, die: i, timestamp, explainBy }),
    );
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

  #tellEach<O>(observers: readonly O[], tell: (observe: O) => void): void {
    for (const observe of observers) {
      try {
        tell(observe);
      } catch (error) {
        this.#options.onObserverError(error);
      }
    }
  }
}

function assertExplainable(version: ModelVersion, { labels }: Measurements, k: number): void {
  if (k === 0) return;
  const canExplain = version.manifest.outputs.contributions !== undefined;
  if (canExplain && k * labels.length <= MAX_EXPLAINED) return;
  const message = canExplain
    ? `expected at most ${MAX_EXPLAINED} explained parameters in one call, found ${labels.length} dies × ${k}`
    : `${version.key} has no contributions output, so it cannot explain a decision`;
  throw new Refusal('invalid_input', message, { faults: [{ path: 'explain', message }] });
}
