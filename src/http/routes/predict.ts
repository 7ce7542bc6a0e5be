import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Measurements } from '../../die/die.js';
import { type Prediction, PredictionSchema, PredictionsSchema } from '../../die/prediction.js';
import type { Catalogue } from '../../models/catalogue.js';
import type { Predictor } from '../../prediction/predictor.js';
import type { Target } from '../../routing/targets.js';
import type { Lane } from '../../serving/batching/queue.js';
import { encodePrediction, encodePredictions, PREDICTION_MEDIA_TYPE } from '../encode-predictions.js';
import type { RateLimits } from '../rates.js';
import { bodyOf, type DieReader } from '../read-dies.js';
import { countEquipment } from '../request-rates.js';
import { dieBody, diesBody } from '../schemas/body.js';
import { problemAnswer } from '../schemas/problem.js';
import {
  ModelParamsSchema,
  PredictBatchHeadersSchema,
  PredictHeadersSchema,
  PredictQuerySchema,
  readDeadlineMs,
  readPart,
  VersionParamsSchema,
} from '../schemas/requests.js';
import type { ZodTypeProvider } from '../zod-provider.js';

export interface PredictRouteOptions {
  readonly predictor: Predictor;
  readonly catalogue: Catalogue;
  readonly reader: DieReader;
  readonly rates: RateLimits;
  /**
   * Where the dies of a call go, found before the body is read; a promise where a version is loaded first.
   * @throws Refusal where there is none, it is not ready or its queue is full
   */
  readonly admit: (model: string | undefined, version: string | undefined) => Target | Promise<Target>;
  /** Where the dies of a call that was let in go now, when its body has been read. */
  readonly renew: (target: Target) => Target;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Where the dies of the request go, from `onRequest` on; prediction routes only. */
    target: Target | undefined;
    /** The dies of the request, from `preHandler` on; prediction routes only. */
    measurements: Measurements | undefined;
  }
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

/** The model and version that a path names, where it does. */
interface Address {
  readonly model?: string;
  readonly version?: string;
}

const PROBLEMS = {
  '4xx': problemAnswer('The request is at fault: 400, 401, 403, 404, 408, 413, 415, 422, 429 or 431'),
  '5xx': problemAnswer(
    '503: try again after retry-after. 504: the deadline passed before the die was scored',
  ),
};

/** POST /predict and /predict/batch, on the default model, a named model and a named version. */
export function predictRoutes(app: FastifyInstance, options: PredictRouteOptions): void {
  const { predictor, catalogue, reader } = options;
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const documented = catalogue.documented();
  app.decorateRequest('target', undefined);
  app.decorateRequest('measurements', undefined);

  for (const { prefix, params, operation, by } of ADDRESSES) {
    const schema = {
      tags: ['predict'],
      querystring: PredictQuerySchema,
      ...(params === undefined ? {} : { params }),
    };
    routes.post(
      `${prefix}/predict`,
      {
        ...admission(options, 'realtime', params),
        schema: {
          ...schema,
          operationId: `predict${operation}`,
          headers: PredictHeadersSchema,
          summary: `One die, by ${by}`,
          body: dieBody(documented),
          response: { 200: PredictionSchema, ...PROBLEMS },
        },
      },
      async (request, reply) => {
        const [prediction] = await predict(predictor, reader, request, reply, request.query, 'realtime');
        if (prediction === undefined) throw new Error('a call for one die has no prediction');
        return reply.type(PREDICTION_MEDIA_TYPE).serializer(encodePrediction).send(prediction);
      },
    );
    routes.post(
      `${prefix}/predict/batch`,
      {
        ...admission(options, 'bulk', params),
        schema: {
          ...schema,
          operationId: `predictBatch${operation}`,
          headers: PredictBatchHeadersSchema,
          summary: `Many dies, by ${by}`,
          body: diesBody(documented),
          response: { 200: PredictionsSchema, ...PROBLEMS },
        },
      },
      async (request, reply) => {
        const predictions = await predict(predictor, reader, request, reply, request.query, 'bulk');
        return reply
          .type(PREDICTION_MEDIA_TYPE)
          .serializer(encodePredictions)
          .send({ predictions, count: predictions.length });
      },
    );
  }
}

/** What happens to a prediction request before its handler: its version is found, its dies are decoded. */
function admission(
  { admit, renew, reader, rates }: PredictRouteOptions,
  lane: Lane,
  params: AddressSchema | undefined,
) {
  return {
    config: { permission: 'predict' as const, predicts: true },
    onRequest: step((request) => {
      const address: Address = params === undefined ? {} : readPart(params, request.params, 'path');
      const target = admit(address.model, address.version);
      if (target instanceof Promise) {
        return target.then((found) => {
          request.target = found;
        });
      }
      request.target = target;
      return undefined;
    }),
    preHandler: step((request, reply) => {
      request.target = renew(targetOf(request));
      const { id, headers } = request;
      const { contract } = targetOf(request).version;
      const measurements = reader.read({ id, headers, body: bodyOf(request) }, contract, lane);
      request.measurements = measurements;
      // Its bytes are not needed while its dies wait, and would be memory that nobody bounds.
      request.body = undefined;
      const refusal = countEquipment(rates, request, reply);
      if (refusal === undefined) return undefined;
      reader.release(measurements, contract);
      throw refusal;
    }),
  };
}

/** A step as a hook: what it throws becomes the refusal. Only one that has to wait gives a promise. */
function step(run: (request: FastifyRequest, reply: FastifyReply) => Promise<void> | undefined) {
  return (request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void): void => {
    const fail = (error: unknown) => next(error instanceof Error ? error : new Error(String(error)));
    let waiting: Promise<void> | undefined;
    try {
      waiting = run(request, reply);
    } catch (error) {
      fail(error);
      return;
    }
    if (waiting === undefined) next();
    else waiting.then(() => next(), fail);
  };
}

/** Predictions for the dies that `admission` has read; their rows go back when nobody needs them. */
async function predict(
  predictor: Predictor,
  reader: DieReader,
  request: FastifyRequest,
  reply: FastifyReply,
  query: { explain?: number | undefined },
  lane: Lane,
): Promise<Prediction[]> {
  const { version, assign, isNamed, shadows } = targetOf(request);
  const { measurements } = request;
  if (measurements === undefined) throw new Error('the dies of a prediction request were not read');
  try {
    return await predictor.predict({
      requestId: request.id,
      keyId: request.keyId,
      trace: request.trace,
      traceId: request.trace?.sampled ? request.trace.traceId : undefined,
      version,
      assign,
      isNamed,
      shadows,
      measurements,
      lane,
      receivedAtMs: request.receivedAtMs,
      deadlineMs: readDeadlineMs(request.headers),
      explain: query.explain ?? 0,
      onGone: (listener) => {
        reply.raw.once('close', () => {
          if (!reply.raw.writableFinished) listener();
        });
      },
    });
  } finally {
    reader.release(measurements, version.contract);
  }
}

function targetOf(request: FastifyRequest): Target {
  if (request.target === undefined) throw new Error('the target of a prediction request was not found');
  return request.target;
}
