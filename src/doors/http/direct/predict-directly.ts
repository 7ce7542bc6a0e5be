import type { Access } from '../../../callers/access.js';
import type { ClientAddress } from '../../../callers/client-address.js';
import { identify } from '../../../callers/identify.js';
import type { RateHeaders } from '../../../callers/rates.js';
import type { Prediction } from '../../../die/prediction.js';
import type { Refusal } from '../../../errors.js';
import { Exchange, type ExchangeParts } from '../../../exchange/exchange.js';
import type { Inferred } from '../../../prediction/predictor.js';
import type { Target } from '../../../routing/targets.js';
import type { CallReader, ReadCall } from '../../../rows/read-dies.js';
import type { Lane } from '../../../serving/batching/queue.js';
import { encodePrediction, encodePredictions, PREDICTION_MEDIA_TYPE } from '../encode-predictions.js';
import { type AnswerWriter, type DirectAnswer, refusalAnswer } from './answer-text.js';
import type { DirectAdmission, DirectConnection, DirectRequest } from './connection.js';
import type { DirectHandler } from './door.js';
import { type Address, addressOf, type RequestHead } from './request-head.js';

export interface DirectPredictOptions extends ExchangeParts {
  readonly calls: CallReader;
  readonly writer: AnswerWriter;
  readonly clientAddress: ClientAddress;
  readonly requestIds: (raw: { readonly headers: Readonly<Record<string, string>> }) => string;
  readonly isDraining: () => boolean;
  /** Who may do what; undefined where nobody is asked. */
  readonly access: Access | undefined;
}

/**
 * Predicts the dies of a plain request by the steps of an exchange, without what a framework does for every kind of
 * request. What would have to wait before its dies are read goes the other way.
 */
export class DirectPredict implements DirectHandler {
  readonly #options: DirectPredictOptions;

  constructor(options: DirectPredictOptions) {
    this.#options = options;
  }

  /** What would be refused before its body has come goes the other way, which refuses it then. */
  admit(head: RequestHead, connection: DirectConnection): DirectAdmission | undefined {
    if (this.#options.isDraining()) return undefined;
    const exchange = this.#begin(head, connection);
    if (exchange === undefined || exchange.isOverRate()) return undefined;
    try {
      if (waits(exchange.find(exchange.path))) return undefined;
      exchange.countCaller();
      return exchange;
    } catch {
      return undefined;
    }
  }

  take(request: DirectRequest, connection: DirectConnection): boolean {
    const { admission } = request;
    if (admission === undefined && this.#options.isDraining()) return false;
    const exchange = this.#begin(request.head, connection);
    if (exchange === undefined) return false;
    exchange.arrived(request);
    try {
      if (admission !== undefined) exchange.renew();
      // The other way counts it once more, as the first request of its connection there.
      else if (waits(exchange.admit(exchange.path))) return false;
      // As above: of a version that its dies name.
      if (waits(exchange.read(), exchange)) return false;
      void exchange.predict();
    } catch (error) {
      exchange.refuse(error);
    }
    return true;
  }

  #begin(head: RequestHead, connection: DirectConnection): DirectExchange | undefined {
    const path = addressOf(head.path);
    const keyId = this.#callerOf(head.headers);
    if (path === undefined || keyId === undefined) return undefined;
    return new DirectExchange(this.#options, head, connection, path, keyId);
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
}

/** Whether a step has to wait; what comes of it is not waited for, but for the rows that it takes. */
function waits(step: Promise<void> | undefined, exchange?: DirectExchange): boolean {
  if (step === undefined) return false;
  step.then(() => exchange?.release()).catch(() => {});
  return true;
}

const NO_PIECES: readonly Buffer[] = [];
const nobody = (): void => {};

/** A plain request and where its answer goes: without its bytes, once they are read. */
class DirectExchange extends Exchange {
  readonly method = 'POST';
  readonly trace = undefined;
  readonly requestId: string;
  readonly path: Address;
  readonly keyId: string;
  receivedAtMs = 0;
  onGone: DirectRequest['onGone'] = nobody;
  rate: RateHeaders | undefined;
  readonly #options: DirectPredictOptions;
  readonly #head: RequestHead;
  readonly #connection: DirectConnection;
  #pieces = NO_PIECES;

  constructor(
    options: DirectPredictOptions,
    head: RequestHead,
    connection: DirectConnection,
    path: Address,
    keyId: string,
  ) {
    super(options);
    this.#options = options;
    this.#head = head;
    this.#connection = connection;
    this.path = path;
    this.keyId = keyId;
    this.lane = path.lane;
    this.requestId = options.requestIds(head);
  }

  get route(): string {
    return this.path.route;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#head.headers;
  }

  /** Its body has come; of one that was let in before, where its dies were to go. */
  arrived({ pieces, receivedAtMs, onGone, admission }: DirectRequest): void {
    this.#pieces = pieces;
    this.receivedAtMs = receivedAtMs;
    this.onGone = onGone;
    this.target = admission?.target;
    this.rate = admission?.rate;
  }

  address(): string {
    return this.#options.clientAddress(this.#connection.socket, this.headers['x-forwarded-for']);
  }

  protected readDies(target: Target): ReadCall | Promise<ReadCall> {
    const { requestId: id, headers, path, lane } = this;
    const body = { media: this.#head.media, pieces: this.#pieces };
    this.#pieces = NO_PIECES;
    return this.#options.calls.read({ request: { id, headers, body }, path, target, lane });
  }

  protected sayRate(rate: RateHeaders): void {
    this.rate = rate;
  }

  protected answer({ predictions }: Inferred): void {
    const { requestId, rate } = this;
    const body = encoded(predictions, this.lane);
    this.#write({ status: 200, mediaType: PREDICTION_MEDIA_TYPE, requestId, rate, body });
  }

  protected answerRefusal(refusal: Refusal): void {
    this.#write(refusalAnswer(refusal, this.requestId, this.rate), refusal);
  }

  #write(answer: DirectAnswer, refusal?: Refusal): void {
    const { isDraining, writer } = this.#options;
    const connection = this.#connection;
    if (isDraining()) connection.endAfterAnswer();
    const { text, encoding } = writer.write(answer, connection.isLast);
    if (connection.answer(text, encoding)) this.tell(answer.status, refusal);
  }
}

function encoded(predictions: Prediction[], lane: Lane): string {
  if (lane === 'bulk') return encodePredictions({ predictions, count: predictions.length });
  const [prediction] = predictions;
  if (prediction === undefined) throw new Error('a call for one die has no prediction');
  return encodePrediction(prediction);
}
