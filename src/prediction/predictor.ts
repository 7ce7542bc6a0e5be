import type { DieLabel, Measurements } from '../die/die.js';
import type { Prediction } from '../die/prediction.js';
import { Refusal } from '../errors.js';
import { contributionsName } from '../models/manifest/fetched-outputs.js';
import type { ModelVersion } from '../models/model-version.js';
import { tellEach } from '../observers.js';
import type { CallRequest, ScoredDies } from '../serving/batching/call.js';
import type { Lane } from '../serving/batching/queue.js';
import type { Clock } from '../serving/clock.js';
import type { RequestTrace } from '../tracing/tracer.js';
import { type FallbackReason, type Fallbacks, failureOf, NO_FALLBACKS } from './fallback.js';
import { type AssignVersion, groupByVersion, rowsOf } from './groups.js';
import { predictionByLimits, predictionOf } from './prediction-of.js';

/** One request's dies and what was asked of them. */
export interface PredictionRequest {
  readonly requestId: string;
  /** Who asks: the id of a key, a token's subject; empty or left out for nobody in particular. */
  readonly keyId?: string | undefined;
  /** The trace that the request is a part of, where it is one of any. */
  readonly trace?: RequestTrace | undefined;
  /** Id of that trace, 32 lower-case hex digits, where somebody keeps it: what an exemplar may name. */
  readonly traceId?: string | undefined;
  /** The version by whose contract the dies were read, and which answers where `assign` says no other. */
  readonly version: ModelVersion;
  /** The version of each die, where the model's traffic is split; all have the same contract. */
  readonly assign?: AssignVersion | undefined;
  /** Whether the caller named the version: such dies are no part of any comparison. */
  readonly isNamed?: boolean | undefined;
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
  /** Whether the raw contributions of every die are wanted: by `infer`, from a version that has them. */
  readonly rawContributions?: boolean | undefined;
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
export type FailureObserver = (
  version: ModelVersion,
  labels: readonly DieLabel[],
  request: PredictionRequest,
  latencyMs: number,
) => void;

export interface PredictorOptions {
  readonly scorer: Scorer;
  readonly clock: Clock;
  readonly fallbacks?: Fallbacks;
  /** The group of equipment of each die, float32 [dies], where the version's drift is counted. */
  readonly groupsOf?: (key: string, labels: readonly DieLabel[]) => Float32Array | undefined;
  readonly observers: readonly PredictionObserver[];
  readonly failureObservers?: readonly FailureObserver[];
  /** Called when an observer throws. */
  readonly onObserverError: (error: unknown) => void;
}

// Each explained parameter is about 100 bytes of answer: beyond this, encoding one would stall the others.
const MAX_EXPLAINED = 65_536;

/** The dies of a request as they were judged. */
export interface Inferred {
  readonly predictions: Prediction[];
  /** float32 [dies, parameters] row-major, where they were asked for. */
  readonly contributions: Float32Array | undefined;
  /** Why a fallback answered, for any of them; undefined where none did. */
  readonly fallback: FallbackReason | undefined;
  /** Milliseconds from the queue to the scores, without the run; of several versions the longest; undefined where no model ran. */
  readonly queueMs: number | undefined;
  /** SHA-256 of each die's row, [dies × 32] bytes, where rows are hashed and a model has run for all. */
  readonly rowHashes?: Uint8Array | undefined;
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
    return (await this.infer(request)).predictions;
  }

  /**
   * The same, with the raw contributions where they are asked for; a fallback has none, and refuses then.
   * @throws Refusal as `predict`
   */
  infer(request: PredictionRequest): Promise<Inferred> {
    const { assign, measurements, version } = request;
    return assign === undefined
      ? this.#predictBy(version, measurements, request)
      : this.#predictByEach(assign, measurements, request);
  }

  async #predictByEach(
    assign: AssignVersion,
    measurements: Measurements,
    request: PredictionRequest,
  ): Promise<Inferred> {
    const groups = groupByVersion(measurements.labels, assign);
    const [only] = groups;
    if (only !== undefined && groups.length === 1)
      return this.#predictBy(only.version, measurements, request);
    const parts = await Promise.all(
      groups.map(async (group) => ({
        dies: group.dies,
        ...(await this.#predictBy(group.version, rowsOf(measurements, group.dies), request)),
      })),
    );
    return inOrder(parts, measurements.labels.length);
  }

  async #predictBy(
    version: ModelVersion,
    measurements: Measurements,
    request: PredictionRequest,
  ): Promise<Inferred> {
    assertExplainable(version, measurements, request.explain);
    const answer: Inferred =
      version.fallback === undefined
        ? await this.#score(version, measurements, request)
        : await this.#scoreOrFallBack(version, measurements, request);
    const { predictions, fallback } = answer;
    const latencyMs = this.#options.clock.nowMs() - request.receivedAtMs;
    const predicted = { request, version, measurements, predictions, latencyMs, fallback };
    this.#tellEach(this.#options.observers, (observe) => observe(predicted));
    return answer;
  }

  /** The version's own answer, or that of its fallback when the version cannot answer. */
  async #scoreOrFallBack(
    version: ModelVersion,
    measurements: Measurements,
    request: PredictionRequest,
  ): Promise<Inferred> {
    const attempt = this.#fallbacks.attempt(version);
    if (attempt.unable !== undefined) return this.#fallBack(version, attempt.unable, measurements, request);
    try {
      const answer = await this.#score(version, measurements, request);
      attempt.succeeded();
      return answer;
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
  ): Promise<Inferred> {
    const { fallback } = version;
    if (request.rawContributions === true) throw cause;
    const mark = (predictions: Prediction[], scored?: Pick<Inferred, 'queueMs' | 'rowHashes'>): Inferred => {
      for (const prediction of predictions) prediction.fallback = true;
      return { predictions, contributions: undefined, queueMs: undefined, ...scored, fallback: reason };
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
    const { predictions, queueMs, rowHashes } = await this.#score(substitute, measurements, {
      ...request,
      explain: 0,
    });
    return mark(predictions, { queueMs, rowHashes });
  }

  /** The version's own answer: one function from the queue to the predictions, as each `await` is a turn. */
  async #score(
    version: ModelVersion,
    measurements: Measurements,
    request: PredictionRequest,
  ): Promise<Inferred> {
    const { clock, scorer, groupsOf } = this.#options;
    const { labels, params } = measurements;
    const { explain: explainBy, rawContributions = false } = request;
    const submittedAtMs = clock.nowMs();
    try {
      const scored = await scorer.submit(version.key, {
        dies: labels.length,
        params,
        lane: request.lane,
        // What the caller asks for counts from the arrival; the default from now, as a slow line is not a
        // long queue.
        deadlineAtMs:
          request.deadlineMs === undefined
            ? submittedAtMs + version.manifest.batching.defaultDeadlineMs
            : request.receivedAtMs + request.deadlineMs,
        explain: explainBy > 0 || rawContributions,
        groups: groupsOf?.(version.key, labels),
        onGone: request.onGone,
        span: request.trace?.span,
      });
      const timestamp = this.#timestamp();
      const predictions = labels.map((label, die) =>
        predictionOf(version, scored, { label, params, die, dies: labels.length, timestamp, explainBy }),
      );
      const contributions = rawContributions ? scored.contributions : undefined;
      const queueMs = Math.max(0, clock.nowMs() - submittedAtMs - (scored.runMs[0] ?? 0));
      return { predictions, contributions, fallback: undefined, queueMs, rowHashes: scored.rowHashes };
    } catch (error) {
      if (failureOf(error) === 'failed') {
        const { failureObservers = [] } = this.#options;
        const latencyMs = clock.nowMs() - request.receivedAtMs;
        this.#tellEach(failureObservers, (observe) => observe(version, labels, request, latencyMs));
      }
      throw error;
    }
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
    tellEach(observers, tell, this.#options.onObserverError);
  }
}

const HASH_BYTES = 32;

/** The parts of a call that was split, put back into its order. */
function inOrder(
  parts: readonly (Inferred & { readonly dies: readonly number[] })[],
  dies: number,
): Inferred {
  const predictions: Prediction[] = [];
  let contributions: Float32Array | undefined;
  let fallback: FallbackReason | undefined;
  let queueMs: number | undefined;
  const rowHashes = parts.every((part) => part.rowHashes !== undefined)
    ? new Uint8Array(dies * HASH_BYTES)
    : undefined;
  for (const part of parts) {
    fallback ??= part.fallback;
    if (part.queueMs !== undefined) queueMs = Math.max(queueMs ?? 0, part.queueMs);
    const width = (part.contributions?.length ?? 0) / part.dies.length;
    if (part.contributions !== undefined) contributions ??= new Float32Array(dies * width);
    part.dies.forEach((die, i) => {
      const prediction = part.predictions[i];
      if (prediction !== undefined) predictions[die] = prediction;
      const row = part.contributions?.subarray(i * width, (i + 1) * width);
      if (row !== undefined) contributions?.set(row, die * width);
      const hash = part.rowHashes?.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);
      if (hash !== undefined) rowHashes?.set(hash, die * HASH_BYTES);
    });
  }
  return { predictions, contributions, fallback, queueMs, rowHashes };
}

function assertExplainable(version: ModelVersion, { labels }: Measurements, k: number): void {
  if (k === 0) return;
  const canExplain = contributionsName(version.manifest) !== undefined;
  if (canExplain && k * labels.length <= MAX_EXPLAINED) return;
  const message = canExplain
    ? `expected at most ${MAX_EXPLAINED} explained parameters in one call, found ${labels.length} dies × ${k}`
    : `${version.key} has no contributions output, so it cannot explain a decision`;
  throw new Refusal('invalid_input', message, { faults: [{ path: 'explain', message }] });
}
