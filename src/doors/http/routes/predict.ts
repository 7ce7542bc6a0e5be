import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { PredictionSchema, PredictionsSchema } from '../../../die/prediction.js';
import type { ExchangeParts } from '../../../exchange/exchange.js';
import type { Catalogue } from '../../../models/catalogue.js';
import type { Inferred } from '../../../prediction/predictor.js';
import type { Target } from '../../../routing/targets.js';
import { invalidInput } from '../../../rows/decode/refusals.js';
import type { CallReader, NamedByPath, ReadCall } from '../../../rows/read-dies.js';
import type { Lane } from '../../../serving/batching/queue.js';
import { bodyOf } from '../die-bodies.js';
import { encodePrediction, encodePredictions, PREDICTION_MEDIA_TYPE } from '../encode-predictions.js';
import { exchangeSteps, HttpExchange } from '../http-exchange.js';
import { dieBody, diesBody } from '../schemas/body.js';
import { problemAnswer } from '../schemas/problem.js';
import {
  ModelParamsSchema,
  PredictBatchHeadersSchema,
  PredictHeadersSchema,
  PredictQuerySchema,
  readPart,
  VersionParamsSchema,
} from '../schemas/requests.js';
import type { ZodTypeProvider } from '../zod-provider.js';

interface PredictRouteOptions extends ExchangeParts {
  readonly catalogue: Catalogue;
  readonly calls: CallReader;
}

/** The paths under which a version can be addressed. */
const ADDRESSES = [
  { prefix: '', params: undefined, operation: '', by: 'the default model' },
  {
    prefix: '/models/:model',
    params: ModelParamsSchema,
    operation: 'ByModel',
    by: "a model's default version",
  },
  {
    prefix: '/models/:model/versions/:version',
    params: VersionParamsSchema,
    operation: 'ByVersion',
    by: 'a named version',
  },
] as const;

type AddressSchema = typeof ModelParamsSchema | typeof VersionParamsSchema;

const PROBLEMS = {
  '4xx': problemAnswer('The request is at fault: 400, 401, 403, 404, 408, 413, 415, 422, 429 or 431'),
  '5xx': problemAnswer(
    '503: try again after retry-after. 504: the deadline passed before the die was scored',
  ),
};

/** POST /predict and /predict/batch, on the default model, a named model and a named version. */
export function predictRoutes(app: FastifyInstance, options: PredictRouteOptions): void {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const documented = options.catalogue.documented();
  for (const { prefix, params, operation, by } of ADDRESSES) {
    const schema = {
      tags: ['predict'],
      // Elsewhere the path names the model; `models` is refused there.
      querystring: params === undefined ? PredictQuerySchema : PredictQuerySchema.omit({ models: true }),
      ...(params === undefined ? {} : { params }),
    };
    routes.post(`${prefix}/predict`, {
      ...steps(options, 'realtime', params),
      schema: {
        ...schema,
        operationId: `predict${operation}`,
        headers: PredictHeadersSchema,
        summary: `One die, by ${by}`,
        body: dieBody(documented),
        response: { 200: z.union([PredictionSchema, PredictionsSchema]), ...PROBLEMS },
      },
    });
    routes.post(`${prefix}/predict/batch`, {
      ...steps(options, 'bulk', params),
      schema: {
        ...schema,
        operationId: `predictBatch${operation}`,
        headers: PredictBatchHeadersSchema,
        summary: `Many dies, by ${by}`,
        body: diesBody(documented),
        response: { 200: PredictionsSchema, ...PROBLEMS },
      },
    });
  }
}

function steps(options: PredictRouteOptions, lane: Lane, params: AddressSchema | undefined) {
  return exchangeSteps((request, reply) => {
    const path = params === undefined ? {} : readPart(params, request.params, 'path');
    return new PredictExchange(options, request, reply, lane, path).begin();
  });
}

/** A request for the predictions of one die or of many. */
class PredictExchange extends HttpExchange {
  readonly #calls: CallReader;
  readonly #path: NamedByPath;
  /** Whether the answer is a list, also of one. */
  #isList: boolean;

  constructor(
    options: PredictRouteOptions,
    request: FastifyRequest,
    reply: FastifyReply,
    lane: Lane,
    path: NamedByPath,
  ) {
    super(options, request, reply);
    this.lane = lane;
    this.#calls = options.calls;
    this.#path = path;
    this.#isList = lane === 'bulk';
  }

  /** @throws Refusal where it may not come in, or its query breaks the contract */
  begin(): Promise<void> | undefined {
    this.countCaller();
    const { explain = 0, models } = readPart(PredictQuerySchema, this.request.query, 'query');
    this.explain = explain;
    this.#isList ||= models !== undefined;
    const [first, ...also] = namedOnce(models, this.#path);
    return this.find(first, also);
  }

  protected readDies(target: Target): ReadCall | Promise<ReadCall> {
    const { requestId: id, headers, lane, further } = this;
    return this.#calls.read({
      request: { id, headers, body: bodyOf(this.request) },
      // What names its models in the query has no other, as what names one in its path.
      path: further.length === 0 ? this.#path : namedBy(target),
      target,
      lane,
    });
  }

  protected answer({ predictions }: Inferred): void {
    const reply = this.reply.type(PREDICTION_MEDIA_TYPE);
    if (this.#isList) {
      reply.serializer(encodePredictions).send({ predictions, count: predictions.length });
      return;
    }
    const [prediction] = predictions;
    if (prediction === undefined) throw new Error('a call for one die has no prediction');
    reply.serializer(encodePrediction).send(prediction);
  }
}

/**
 * The models of `?models=a,b/2`, each with its version where it names one; without it what the path names.
 * @throws Refusal `invalid_input` where both name any
 */
function namedOnce(
  models: readonly NamedByPath[] | undefined,
  path: NamedByPath,
): readonly [NamedByPath, ...NamedByPath[]] {
  const [first, ...also] = models ?? [];
  if (first === undefined) return [path];
  if (path.model === undefined) return [first, ...also];
  throw invalidInput([
    { path: 'models', message: `expected it on a path that names no model, found "${path.model}" there` },
  ]);
}

function namedBy({ entry, isNamed }: Target): NamedByPath {
  return { model: entry.name, version: isNamed ? entry.number : undefined };
}
