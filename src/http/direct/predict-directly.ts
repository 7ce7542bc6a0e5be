import type { FastifyBaseLogger } from 'fastify';
import type { Measurements } from '../../die/die.js';
import type { Prediction } from '../../die/prediction.js';
import type { Refusal } from '../../errors.js';
import { tellEach } from '../../observers.js';
import type { Predictor } from '../../prediction/predictor.js';
import type { Target } from '../../routing/targets.js';
import type { Lane } from '../../serving/batching/queue.js';
import type { Clock } from '../../serving/clock.js';
import type { Access } from '../access/access.js';
import { identify } from '../access/identify.js';
import type { ClientAddress } from '../client-address.js';
import { encodePrediction, encodePredictions, PREDICTION_MEDIA_TYPE } from '../encode-predictions.js';
import type { HttpObserver } from '../plugins/observe.js';
import { refusalOf } from '../plugins/problems.js';
import type { Counted, Counting, RateHeaders, RateLimits } from '../rates.js';
import type { DieReader } from '../read-dies.js';
import { readDeadlineMs } from '../schemas/requests.js';
import { type Address, addressOf } from './addresses.js';
import { type AnswerWriter, type DirectAnswer, refusalAnswer } from './answer-text.js';
import type { DirectConnection, DirectRequest } from './connection.js';
import type { DirectHandler } from './door.js';
import type { RequestHead } from './request-head.js';

export interface DirectPredictOptions {
  readonly clock: Clock;
  readonly logger: FastifyBaseLogger;
  readonly predictor: Predictor;
  readonly reader: DieReader;
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

/** One request and where its answer goes. */
interface Exchange {
  readonly request: DirectRequest;
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
  admits({ path, headers }: RequestHead, connection: DirectConnection): boolean {
    const address = addressOf(path);
    const keyId = this.#callerOf(headers);
    if (address === undefined || this.#options.isDraining() || keyId === undefined) return false;
    if (this.#options.rates.isUsedUp({ keyId, address: () => this.#clientOf(connection, headers) }))
      return false;
    try {
      return this.#targetOf(address) !== undefined;
    } catch {
      return false;
    }
  }

  take(request: DirectRequest, connection: DirectConnection): boolean {
    const { isDraining, requestIds } = this.#options;
    const { headers, path } = request.head;
    const address = addressOf(path);
    if (address === undefined || (isDraining() && !request.isAdmitted)) return false;
    const keyId = this.#callerOf(headers);
    if (keyId === undefined) return false;
    const requestId = requestIds({ headers });
    const exchange: Exchange = {
      request,
      connection,
      address,
      requestId,
      keyId,
      rate: undefined,
      measurements: undefined,
    };
    const target = this.#find(request, address);
    if (target === undefined) return false;
    try {
      this.#count(exchange, this.#options.rates.countCaller(this.#countingOf(exchange)));
      if (target instanceof Error) throw target;
      exchange.measurements = this.#read(exchange, target);
      this.#countEquipment(exchange, target, exchange.measurements);
      void this.#predict(exchange, target, exchange.measurements);
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

  /** Where the dies go, or why they are refused; undefined where a version has to be loaded first. */
  #find({ isAdmitted }: DirectRequest, address: Address): Target | Error | undefined {
    try {
      return isAdmitted ? this.#options.target(address.model, address.version) : this.#targetOf(address);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** Where the dies go; undefined where a version has to be loaded first. */
  #targetOf({ model, version }: Address): Target | undefined {
    const target = this.#options.admit(model, version);
    if (!(target instanceof Promise)) return target;
    target.catch(() => {});
    return undefined;
  }

  #read({ request: { head, pieces }, requestId, address }: Exchange, { version }: Target): Measurements {
    const source = { id: requestId, headers: head.headers, body: { media: head.media, pieces } };
    return this.#options.reader.read(source, version.contract, address.lane);
  }

  #countEquipment(exchange: Exchange, { version }: Target, measurements: Measurements): void {
    const { rates, reader } = this.#options;
    const equipmentId = measurements.labels[0]?.equipment_id;
    try {
      this.#count(exchange, rates.countEquipment(this.#countingOf(exchange), equipmentId));
    } catch (error) {
      reader.release(measurements, version.contract);
      throw error;
    }
  }

  #countingOf({ connection, keyId, request }: Exchange): Counting {
    return { keyId, address: () => this.#clientOf(connection, request.head.headers) };
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

  async #predict(exchange: Exchange, target: Target, measurements: Measurements): Promise<void> {
    const { predictor, reader } = this.#options;
    const { request, requestId, keyId, address } = exchange;
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
        receivedAtMs: request.receivedAtMs,
        deadlineMs: readDeadlineMs(request.head.headers),
        explain: 0,
        onGone: request.onGone,
      });
      const body = encoded(predictions, address.lane);
      const { rate } = exchange;
      this.#answer(exchange, { status: 200, mediaType: PREDICTION_MEDIA_TYPE, requestId, rate, body });
    } catch (error) {
      this.#refuse(exchange, error);
    } finally {
      reader.release(measurements, version.contract);
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
    { request, connection, address, requestId, keyId, measurements }: Exchange,
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
      durationMs: clock.nowMs() - request.receivedAtMs,
      refusalCode: refusal?.code ?? ('' as const),
      refusalDetail: refusal?.message ?? '',
      predicts: true,
      address: refusal === undefined ? '' : this.#clientOf(connection, request.head.headers),
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
