import type { RateHeaders } from '../../../callers/rates.js';
import type { Refusal } from '../../../errors.js';
import { Exchange, type ExchangeParts, type ReadDies } from '../../../exchange/exchange.js';
import type { OipEngine, OipVersion } from '../../../oip/engine.js';
import { labelsOfHeaders, type RequestedOutput } from '../../../oip/infer-request.js';
import { diesInShape } from '../../../oip/inputs.js';
import type { Inferred } from '../../../prediction/predictor.js';
import type { Target } from '../../../routing/targets.js';
import { faultPath } from '../../../rows/decode/refusals.js';
import type { DieReader } from '../../../rows/read-dies.js';
import type { RequestTrace } from '../../../tracing/tracer.js';
import type { GrpcCall } from '../call.js';
import { ModelInferRequestSchema } from '../messages/inference-messages.js';
import { readMessage } from '../services/method.js';
import type { ResponseEncoder, ResponseHead } from './encode-response.js';
import { type PlainRequest, readPlainRequest } from './plain-request.js';
import { type InferMessage, readInferMessage, readInferTensors } from './read-request.js';

/** What the exchanges of a door are made with. */
export interface InferParts {
  readonly exchange: ExchangeParts;
  readonly engine: Pick<OipEngine, 'shown'>;
  /** Reads rows of float32 into memory that is used again. */
  readonly reader: Pick<DieReader, 'read'>;
  readonly encoder: ResponseEncoder;
  /** Most dies of one message. */
  readonly maxBatchDies: number;
}

/** Where the answer of one message goes. */
export interface InferAnswers {
  /** The bytes of a ModelInferResponse. */
  answer(response: Uint8Array): void;
  refuse(refusal: Refusal, request: Pick<ResponseHead, 'model' | 'id'>): void;
}

/** What the door knows of a message beside its bytes. */
interface InferTold extends Pick<InferExchange, 'receivedAtMs' | 'trace' | 'onGone'> {
  readonly answers: InferAnswers;
  readonly addressOf: () => string;
  /** Milliseconds from the message's arrival within which its dies must be scored; undefined for the version's own. */
  readonly timeoutMs: number | undefined;
}

/** One ModelInferRequest: one die goes through the realtime lane, more through the bulk lane. */
export class InferExchange extends Exchange {
  readonly requestId: string;
  readonly method = 'POST';
  readonly route: string;
  readonly keyId: string;
  readonly headers: GrpcCall['headers'];
  readonly receivedAtMs: number;
  readonly trace: RequestTrace | undefined;
  readonly onGone: (listener: () => void) => void;
  readonly #parts: InferParts;
  readonly #call: GrpcCall;
  readonly #answers: InferAnswers;
  readonly #addressOf: () => string;
  readonly #plain: PlainRequest | undefined;
  readonly #message: Buffer;
  #full: InferMessage | undefined;
  /** By which it was read. */
  #version: OipVersion | undefined;
  #outputs: readonly RequestedOutput[] = [];

  /** @param call whose caller is known; @param message the bytes of a ModelInferRequest */
  constructor(parts: InferParts, call: GrpcCall, message: Buffer, told: InferTold) {
    super(parts.exchange);
    this.#parts = parts;
    this.#call = call;
    this.requestId = call.requestId;
    this.route = call.path;
    this.keyId = call.keyId;
    this.headers = call.headers;
    this.receivedAtMs = told.receivedAtMs;
    this.trace = told.trace;
    this.timeoutMs = told.timeoutMs;
    this.onGone = told.onGone;
    this.#answers = told.answers;
    this.#addressOf = told.addressOf;
    this.#message = message;
    this.#plain = readPlainRequest(message);
  }

  /** All steps; resolves, whatever becomes of the message, when its answer is written. */
  async run(): Promise<void> {
    try {
      const { model, version } = this.#named();
      const admitted = this.admit({ model: model || undefined, version: version || undefined });
      if (admitted !== undefined) await admitted;
      const read = this.read();
      if (read !== undefined) await read;
    } catch (error) {
      this.refuse(error);
      return;
    }
    await this.predict();
  }

  address(): string {
    return this.#addressOf();
  }

  protected readDies(target: Target): ReadDies {
    const { engine } = this.#parts;
    const version = engine.shown(target.version);
    this.#version = version;
    return this.#readPlainly(target, version) ?? this.#readFully(target, version);
  }

  protected sayRate(rate: RateHeaders): void {
    this.#call.rate = rate;
  }

  protected answer(results: Inferred): void {
    const { target } = this;
    const version = this.#version;
    if (target === undefined || version === undefined) throw new Error('the message was not read');
    const head = { ...this.#request(), model: target.entry.name, isTyped: this.#full?.isTyped ?? false };
    this.#answers.answer(this.#parts.encoder.encode(head, version, this.#outputs, results));
    this.tell(200, undefined);
  }

  protected answerRefusal(refusal: Refusal): void {
    this.#answers.refuse(refusal, this.#request());
    this.tell(refusal.status, refusal);
  }

  /** Who is to answer. */
  #named(): { readonly model: string; readonly version: string } {
    if (this.#plain !== undefined) return this.#plain;
    this.#full = readInferMessage(readMessage(ModelInferRequestSchema, this.#message));
    const { model_name, model_version } = this.#full.head;
    return { model: model_name ?? '', version: model_version ?? '' };
  }

  #request(): { readonly model: string; readonly id: string } {
    const head = this.#full?.head;
    return {
      model: this.#plain?.model ?? head?.model_name ?? '',
      id: this.#plain?.id ?? head?.id ?? '',
    };
  }

  /**
   * Rows of float32 that fill all columns, by the reader of /predict's binary bodies; undefined for all else, and where it
   * refuses: the full reader knows how /v2 words that.
   */
  #readPlainly(target: Target, version: OipVersion): ReadDies | undefined {
    const plain = this.#plain;
    const { contract, inputs, rowName } = version;
    const [input] = inputs;
    if (plain === undefined || input === undefined || inputs.length > 1) return undefined;
    const { name, datatype, shape } = plain.input;
    if ((name !== input.name && name !== rowName) || datatype !== 'FP32' || input.datatype !== 'FP32')
      return undefined;
    const dies = diesInShape(shape, input);
    if (dies === undefined || plain.raw.length !== dies * input.columns * 4) return undefined;
    const request = {
      id: plain.id || this.requestId,
      headers: this.headers,
      body: { media: 'binary' as const, pieces: [plain.raw] },
    };
    this.lane = dies === 1 ? 'realtime' : 'bulk';
    const isNamed = dies === 1 && this.headers['x-die-id'] !== undefined;
    try {
      const measurements = this.#parts.reader.read(request, contract, isNamed ? 'realtime' : 'bulk');
      this.#outputs = this.#parts.encoder.unasked(version);
      const width = contract.parameterCount;
      const pathOf = (die: number, parameter: number) =>
        faultPath(['inputs', 0, 'data', die * width + parameter]);
      return { target, measurements, pathOf };
    } catch {
      return undefined;
    }
  }

  #readFully(target: Target, version: OipVersion): ReadDies {
    this.#full ??= readInferMessage(readMessage(ModelInferRequestSchema, this.#message));
    const { otherLabels } = version.contract;
    const read = readInferTensors(this.#full, {
      version,
      maxDies: this.#parts.maxBatchDies,
      labelsOf: (dies, id) => labelsOfHeaders(this.headers, dies, id ?? this.requestId, otherLabels),
    });
    this.lane = read.measurements.labels.length === 1 ? 'realtime' : 'bulk';
    this.rawContributions = read.outputs.some(({ output }) => output.fromContributions);
    this.timeoutMs = earliest(this.timeoutMs, read.timeoutMs);
    this.#outputs = read.outputs;
    return { target, measurements: read.measurements, pathOf: read.pathOf };
  }
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
