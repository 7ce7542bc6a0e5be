import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ExchangeParts, ReadDies } from '../../../exchange/exchange.js';
import type { OipEngine } from '../../../oip/engine.js';
import { type InferRequest, labelsOfHeaders } from '../../../oip/infer-request.js';
import { InferAnswerSchema, InferRequestSchema } from '../../../oip/schemas.js';
import type { Inferred } from '../../../prediction/predictor.js';
import type { Target } from '../../../routing/targets.js';
import { assertSame, type NamedByPath } from '../../../rows/read-dies.js';
import { exchangeSteps, HttpExchange } from '../http-exchange.js';
import { readPart } from '../schemas/requests.js';
import { inferBytesOf } from './body-parser.js';
import { decodeInferRequest, type InferBody, JSON_LENGTH_HEADER, readInferBody } from './decode-request.js';
import {
  BINARY_MEDIA_TYPE,
  InferHeadersSchema,
  jsonOrBinary,
  OIP_ADDRESSES,
  OIP_REFUSALS,
  TAGS,
} from './documentation.js';
import { encodeInferAnswer } from './encode-answer.js';
import { JSON_MEDIA_TYPE } from './error-form.js';

interface InferRouteOptions {
  readonly engine: OipEngine;
  readonly maxBatchDies: number;
  readonly exchange: ExchangeParts;
}

/** POST infer, on a model and on a version of it. */
export function inferRoutes(app: FastifyInstance, options: InferRouteOptions): void {
  for (const { path, params, by } of OIP_ADDRESSES) {
    app.post(`${path}/infer`, {
      ...exchangeSteps((request, reply) => {
        const address: { model: string; version?: string } = readPart(params, request.params, 'path');
        return new InferExchange(options, request, reply, address).admit(address);
      }),
      schema: {
        tags: TAGS,
        summary: `Dies as tensors, by ${by}`,
        params,
        headers: InferHeadersSchema,
        body: jsonOrBinary(InferRequestSchema),
        response: {
          200: { description: 'The outputs', ...jsonOrBinary(InferAnswerSchema) },
          ...OIP_REFUSALS,
        },
      },
    });
  }
}

/** An infer request: one die goes through the realtime lane, more through the bulk lane. */
class InferExchange extends HttpExchange {
  readonly #options: InferRouteOptions;
  readonly #path: NamedByPath;
  #read: InferRequest | undefined;

  constructor(options: InferRouteOptions, request: FastifyRequest, reply: FastifyReply, path: NamedByPath) {
    super(options.exchange, request, reply);
    this.#options = options;
    this.#path = path;
  }

  /**
   * Reads a request for the version that it names itself, where its path leaves that open.
   * @throws Refusal `invalid_input` where request and path name two
   */
  protected readDies(target: Target): ReadDies | Promise<ReadDies> {
    const length = this.headers[JSON_LENGTH_HEADER];
    const jsonLength = typeof length === 'string' ? length : length?.join();
    const body = readInferBody(inferBytesOf(this.request.body), jsonLength);
    const { named } = body;
    assertSame('model_name', this.#path.model, named.model);
    assertSame('model_version', this.#path.version, named.version);
    if (named.version === undefined || this.#path.version !== undefined) return this.#readFor(target, body);
    const other = this.#options.exchange.admit(target.entry.name, named.version);
    return other instanceof Promise
      ? other.then((found) => this.#readFor(found, body))
      : this.#readFor(other, body);
  }

  #readFor(target: Target, body: InferBody): ReadDies {
    const { engine, maxBatchDies: maxDies } = this.#options;
    const { otherLabels } = target.version.contract;
    const read = decodeInferRequest(body, {
      version: engine.shown(target.version),
      maxDies,
      labelsOf: (dies, id) => labelsOfHeaders(this.headers, dies, id ?? this.requestId, otherLabels),
    });
    this.#read = read;
    this.lane = read.measurements.labels.length === 1 ? 'realtime' : 'bulk';
    this.rawContributions = read.outputs.some(({ output }) => output.fromContributions);
    this.timeoutMs = read.timeoutMs;
    return { target, measurements: read.measurements, pathOf: read.pathOf };
  }

  protected answer(results: Inferred): void {
    const { reply } = this;
    if (this.#read === undefined || this.target === undefined) throw new Error('no infer request was read');
    const { id, outputs } = this.#read;
    const { body, jsonBytes } = encodeInferAnswer(this.target.version, id, outputs, results);
    if (jsonBytes !== undefined) reply.header(JSON_LENGTH_HEADER, jsonBytes);
    reply.header('content-type', jsonBytes === undefined ? JSON_MEDIA_TYPE : BINARY_MEDIA_TYPE).send(body);
  }
}
