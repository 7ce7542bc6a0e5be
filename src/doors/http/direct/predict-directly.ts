import type { FastifyBaseLogger } from 'fastify';
import type { Access } from '../../../callers/access.js';
import type { ClientAddress } from '../../../callers/client-address.js';
import { identify } from '../../../callers/identify.js';
import type { Counted, Counting, RateHeaders, RateLimits } from '../../../callers/rates.js';
import type { Measurements } from '../../../die/die.js';
import type { Prediction } from '../../../die/prediction.js';
import type { Refusal } from '../../../errors.js';
import { tellEach } from '../../../observers.js';
import type { Predictor } from '../../../prediction/predictor.js';
import type { Target } from '../../../routing/targets.js';
import type { CallReader, ReadCall } from '../../../rows/read-call.js';
import type { Lane } from '../../../serving/batching/queue.js';
import type { Clock } from '../../../serving/clock.js';
import { encodePrediction, encodePredictions, PREDICTION_MEDIA_TYPE } from '../encode-predictions.js';
import type { HttpObserver } from '../plugins/observe.js';
import { refusalOf } from '../plugins/problems.js';
import { readDeadlineMs } from '../schemas/requests.js';
import { type Address, addressOf } from './addresses.js';
import { type AnswerWriter, type DirectAnswer, refusalAnswer } from './answer-text.js';
import type { DirectAdmission, DirectConnection, DirectRequest } from './connection.js';
import type { DirectHandler } from './door.js';
import type { RequestHead } from './request-head.js';

export interface DirectPredictOptions {
  readonly clock: Clock;
  readonly logger: FastifyBaseLogger;
  readonly predictor: Predictor;
  readonly calls: CallReader;
  readonly writer: AnswerWriter;
  readonly rates: RateLimits;
  readonly clientAddress: ClientAddress;
  /** See `PredictRouteOptions.admit`. */
  readonly admit: (model: string | undefined, version: string | undefined) => Target | Promise<Target>;
  /** The same of a call that was let in before its body had come: without asking whether it may come in. */
  readonly target: (model: string | undefined, version: string | undefined) => Target;
  readonly requestIds: (raw: { readonly headers: Readonly<Record<string, string>> }) => string;
  readonly isDraining: () => boolean;
  /** Who may do what; undefined where nobody is asked. */
  readonly access: Access | undefined;
  readonly observers: readonly HttpObserver[];
}

/** One request, without its bytes, which nobody needs once they are read, and where its answer goes. */
interface Exchange extends Pick<DirectRequest, 'head' | 'receivedAtMs' | 'onGone'> {
  readonly connection: DirectConnection;
  readonly address: Address;
  readonly requestId: string;
  readonly keyId: string;
  /** What the answer says of the rate that the request was counted for last. */
  rate: RateHeaders | undefined;
  /** From when the dies have been read. */
  measurements: Measurements | undefined;
}

/**
 * Predicts the dies of a plain request: the same steps, the same refusals and the same observers as those
 * of the route, without what a framework does for every kind of request.
 */
export class DirectPredict implements DirectHandler {
  readonly #options: DirectPredictOptions;

  constructor(options: DirectPredictOptions) {
    this.#options = options;
  }

  /** What would be refused before its body has come goes the other way, which refuses it then. */
  admit({ path, headers }: RequestHead, connection: DirectConnection): DirectAdmission | undefined {
    const { isDraining, rates } = this.#options;
    const address = addressOf(path);
    const keyId = this.#callerOf(headers);
    if (address === undefined || isDraining() || keyId === undefined) return undefined;
    const counting = this.#countingOf(keyId, connection, headers);
    if (rates.isCallerUsedUp(counting)) return undefined;
    try {
      return this.#find(undefined, address) && { counted: rates.countCaller(counting) };
    } catch {
      return undefined;
    }
  }

  take(request: DirectRequest, connection: DirectConnection): boolean {
    const { isDraining, rates, requestIds } = this.#options;
    const { head, pieces, admission, receivedAtMs, onGone } = request;
    const { headers } = head;
    const address = addressOf(head.path);
    if (address === undefined || (isDraining() && admission === undefined)) return false;
    const keyId = this.#callerOf(headers);
    if (keyId === undefined) return false;
    const counting = this.#countingOf(keyId, connection, headers);
    const exchange: Exchange = {
      head,
      receivedAtMs,
      onGone,
      connection,
      address,
      requestId: requestIds({ headers }),
      keyId,
      rate: undefined,
      measurements: undefined,
    };
    try {
      this.#count(exchange, admission === undefined ? rates.countCaller(counting) : admission.counted);
      // Before it is asked for: who is over its rate must not have a version loaded.
      const target = this.#find(admission, address);
      // The other way counts it once more, as the first request of its connection there.
      if (target === undefined) return false;
      const read = this.#read(exchange, pieces, target);
      // As above: of a version that its dies name.
      if (read === undefined) return false;
      exchange.measurements = read.measurements;
      this.#countEquipment(exchange, counting, read);
      void this.#predict(exchange, read);
    } catch (error) {
      this.#refuse(exchange, error);
    }
    return true;
  }

  /** Who calls; undefined where that takes a while, is refused or fails: the other way has the words for it. */
  #callerOf(headers: Readonly<Record<string, string>>): string | undefined {
    const { access } = this.#options;
    if (access === undefined) return '';
    try {
      const caller = identify(access, 'predict', headers);
      if (!(caller instanceof Promise)) return caller.permissions.includes('predict') ? caller.id : undefined;
      caller.catch(() => {});
      return undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * Where the dies go; undefined where a version has to be loaded first.
   * @throws Refusal where they may not come in, which one that was let in is not asked again
   */
  #find(admission: DirectAdmission | undefined, { model, version }: Address): Target | undefined {
    if (admission !== undefined) return this.#options.target(model, version);
    const target = this.#options.admit(model, version);
    if (!(target instanceof Promise)) return target;
    target.catch(() => {});
    return undefined;
  }

  #read(
    { head, requestId, address }: Exchange,
    pieces: readonly Buffer[],
    target: Target,
  ): ReadCall | undefined {
    const request = { id: requestId, headers: head.headers, body: { media: head.media, pieces } };
    const read = this.#options.calls.read({ request, path: address, target, lane: address.lane });
    if (!(read instanceof Promise)) return read;
    read.then((late) => this.#options.calls.release(late)).catch(() => {});
    return undefined;
  }

  #countEquipment(exchange: Exchange, counting: Counting, read: ReadCall): void {
    const { rates, calls } = this.#options;
    const equipmentId = read.measurements.labels[0]?.equipment_id;
    try {
      this.#count(exchange, rates.countEquipment(counting, equipmentId));
    } catch (error) {
      calls.release(read);
      throw error;
    }
  }

  #countingOf(
    keyId: string,
    connection: DirectConnection,
    headers: Readonly<Record<string, string>>,
  ): Counting {
    return { keyId, address: () => this.#clientOf(connection, headers) };
  }

  #clientOf({ socket }: DirectConnection, headers: Readonly<Record<string, string>>): string {
    return this.#options.clientAddress(socket, headers['x-forwarded-for']);
  }

  /** @throws Refusal `rate_limited` where a request is one too many */
  #count(exchange: Exchange, counted: Counted | undefined): void {
    if (counted === undefined) return;
    exchange.rate = counted.headers;
    if (counted.refusal !== undefined) throw counted.refusal;
  }

  async #predict(exchange: Exchange, read: ReadCall): Promise<void> {
    const { predictor, calls } = this.#options;
    const { head, receivedAtMs, onGone, requestId, keyId, address } = exchange;
    const { target, measurements } = read;
    const { version, assign, isNamed, shadows } = target;
    try {
      const { predictions } = await predictor.infer({
        requestId,
        keyId,
        version,
        assign,
        isNamed,
        shadows,
        measurements,
        lane: address.lane,
        receivedAtMs,
        deadlineMs: readDeadlineMs(head.headers),
        explain: 0,
        onGone,
      });
      const body = encoded(predictions, address.lane);
      const { rate } = exchange;
      this.#answer(exchange, { status: 200, mediaType: PREDICTION_MEDIA_TYPE, requestId, rate, body });
    } catch (error) {
      this.#refuse(exchange, error);
    } finally {
      calls.release(read);
    }
  }

  #refuse(exchange: Exchange, error: unknown): void {
    const refusal = refusalOf(error);
    const { requestId } = exchange;
    if (refusal.code === 'internal_error')
      this.#options.logger.error({ request_id: requestId, err: error }, 'unexpected error');
    this.#answer(exchange, refusalAnswer(refusal, requestId, exchange.rate), refusal);
  }

  #answer(exchange: Exchange, answer: DirectAnswer, refusal?: Refusal): void {
    const { isDraining, writer } = this.#options;
    const { connection } = exchange;
    if (isDraining()) connection.endAfterAnswer();
    const { text, encoding } = writer.write(answer, connection.isLast);
    if (connection.answer(text, encoding)) this.#tellObservers(exchange, answer.status, refusal);
  }

  #tellObservers(
    { head, receivedAtMs, connection, address, requestId, keyId, measurements }: Exchange,
    status: number,
    refusal: Refusal | undefined,
  ): void {
    const { clock, logger, observers } = this.#options;
    const label = measurements?.labels[0];
    const answered = {
      requestId,
      traceId: undefined,
      method: 'POST',
      route: address.route,
      status,
      durationMs: clock.nowMs() - receivedAtMs,
      refusalCode: refusal?.code ?? ('' as const),
      refusalDetail: refusal?.message ?? '',
      predicts: true,
      address: refusal === undefined ? '' : this.#clientOf(connection, head.headers),
      keyId,
      dieId: label?.die_id,
      equipmentId: label?.equipment_id ?? undefined,
    };
    tellEach(
      observers,
      (observe) => observe(answered),
      // The request has been answered: it must not be refused as well.
      (error) => logger.error({ request_id: requestId, err: error }, 'an observer failed'),
    );
  }
}

function encoded(predictions: Prediction[], lane: Lane): string {
  if (lane === 'bulk') return encodePredictions({ predictions, count: predictions.length });
  const [prediction] = predictions;
  if (prediction === undefined) throw new Error('a call for one die has no prediction');
  return encodePrediction(prediction);
}
