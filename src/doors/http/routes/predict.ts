import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { RateLimits } from '../../../callers/rates.js';
import type { Measurements } from '../../../die/die.js';
import { type Prediction, PredictionSchema, PredictionsSchema } from '../../../die/prediction.js';
import type { Catalogue } from '../../../models/catalogue.js';
import type { Predictor } from '../../../prediction/predictor.js';
import type { Target } from '../../../routing/targets.js';
import { invalidInput } from '../../../rows/decode/refusals.js';
import { assertReadAlike, type CallReader, type NamedByPath } from '../../../rows/read-call.js';
import type { DieReader } from '../../../rows/read-dies.js';
import type { Lane } from '../../../serving/batching/queue.js';
import { bodyOf } from '../die-bodies.js';
import { encodePrediction, encodePredictions, PREDICTION_MEDIA_TYPE } from '../encode-predictions.js';
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
  readonly calls: CallReader;
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
    /** Where the same dies go as well, by `models` of the query; undefined without it. */
    furtherTargets: readonly Target[] | undefined;
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

const PROBLEMS = {
  '4xx': problemAnswer('The request is at fault: 400, 401, 403, 404, 408, 413, 415, 422, 429 or 431'),
  '5xx': problemAnswer(
    '503: try again after retry-after. 504: the deadline passed before the die was scored',
  ),
};

/** POST /predict and /predict/batch, on the default model, a named model and a named version. */
export function predictRoutes(app: FastifyInstance, options: PredictRouteOptions): void {
  const { catalogue } = options;
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const documented = catalogue.documented();
  app.decorateRequest('target', undefined);
  app.decorateRequest('measurements', undefined);
  app.decorateRequest('furtherTargets', undefined);

  for (const { prefix, params, operation, by } of ADDRESSES) {
    const schema = {
      tags: ['predict'],
      // Elsewhere the path names the model; `models` is refused there.
      querystring: params === undefined ? PredictQuerySchema : PredictQuerySchema.omit({ models: true }),
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
          response: { 200: z.union([PredictionSchema, PredictionsSchema]), ...PROBLEMS },
        },
      },
      async (request, reply) => {
        const predictions = await predict(options, request, reply, request.query, 'realtime');
        if (request.furtherTargets !== undefined) return sendAll(reply, predictions);
        const [prediction] = predictions;
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
        return sendAll(reply, await predict(options, request, reply, request.query, 'bulk'));
      },
    );
  }
}

function sendAll(reply: FastifyReply, predictions: Prediction[]): FastifyReply {
  return reply
    .type(PREDICTION_MEDIA_TYPE)
    .serializer(encodePredictions)
    .send({ predictions, count: predictions.length });
}

/** What happens to a prediction request before its handler: its versions are found, its dies are decoded. */
function admission(
  { admit, renew, calls, reader, rates }: PredictRouteOptions,
  lane: Lane,
  params: AddressSchema | undefined,
) {
  const pathOf = (request: FastifyRequest): NamedByPath =>
    params === undefined ? {} : readPart(params, request.params, 'path');
  return {
    config: { permission: 'predict' as const, predicts: true },
    onRequest: step((request) => {
      const path = pathOf(request);
      const models = modelsOf(request, path);
      const targets = models?.map(({ model, version }) => admit(model, version)) ?? [
        admit(path.model, path.version),
      ];
      return whenAll(targets, ([target, ...further]) => {
        if (target !== undefined) for (const one of further) assertReadAlike(one, target);
        request.target = target;
        if (models !== undefined) request.furtherTargets = further;
      });
    }),
    preHandler: step((request, reply) => {
      const { id, headers } = request;
      const path = pathOf(request);
      const target = renew(targetOf(request));
      request.furtherTargets = request.furtherTargets?.map(renew);
      const further = request.furtherTargets ?? [];
      for (const one of further) assertReadAlike(one, target);
      // What names its models in the query has no other, as what names one in its path.
      const asked = further.length === 0 ? path : namedBy(target);
      const read = calls.read({
        request: { id, headers, body: bodyOf(request) },
        path: asked,
        target,
        lane,
      });
      return whenAll([read], ([found]) => {
        if (found === undefined) return;
        request.target = found.target;
        request.measurements = found.measurements;
        // Its bytes are not needed while its dies wait, and would be memory that nobody bounds.
        request.body = undefined;
        try {
          for (const { version } of further) reader.assertWithin(found.measurements, version.contract, lane);
          const refusal = countEquipment(rates, request, reply);
          if (refusal !== undefined) throw refusal;
        } catch (error) {
          calls.release(found);
          throw error;
        }
      });
    }),
  };
}

/**
 * The models of `?models=a,b/2`, each with its version where it names one; undefined without it.
 * @throws Refusal `invalid_input`
 */
function modelsOf(request: FastifyRequest, path: NamedByPath): readonly NamedByPath[] | undefined {
  const { models } = readPart(PredictQuerySchema, request.query, 'query');
  if (models === undefined || path.model === undefined) return models;
  throw invalidInput([
    { path: 'models', message: `expected it on a path that names no model, found "${path.model}" there` },
  ]);
}

function namedBy({ entry, isNamed }: Target): NamedByPath {
  return { model: entry.name, version: isNamed ? entry.number : undefined };
}

/** Goes on at once where nothing has to be waited for. */
function whenAll<T>(
  values: readonly (T | Promise<T>)[],
  go: (values: readonly T[]) => void,
): Promise<void> | undefined {
  const ready = values.filter(
    (value): value is Exclude<T | Promise<T>, Promise<T>> => !(value instanceof Promise),
  );
  if (ready.length < values.length) return Promise.all(values).then(go);
  go(ready);
  return undefined;
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

/**
 * Predictions for the dies that `admission` has read: of each die those of all its models, one after another. The rows
 * go back when nobody needs them.
 */
async function predict(
  { predictor, calls }: PredictRouteOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  query: { explain?: number | undefined },
  lane: Lane,
): Promise<Prediction[]> {
  const { measurements, furtherTargets = [] } = request;
  const target = targetOf(request);
  if (measurements === undefined) throw new Error('the dies of a prediction request were not read');
  const predictBy = ({ version, assign, isNamed, shadows }: Target) =>
    predictor.predict({
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
  try {
    if (furtherTargets.length === 0) return await predictBy(target);
    // All have to be done before the rows go back, also where one refuses.
    const answers = await Promise.allSettled([target, ...furtherTargets].map((one) => predictBy(one)));
    return byDie(answers.map(fulfilled));
  } finally {
    calls.release({ target, measurements });
  }
}

/** @throws what the other end threw */
function fulfilled<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'fulfilled') return settled.value;
  throw settled.reason;
}

/** Several answers for the same dies, put together die by die. */
function byDie(answers: readonly (readonly Prediction[])[]): Prediction[] {
  return (answers[0] ?? []).flatMap((_, die) => answers.flatMap((predictions) => predictions[die] ?? []));
}

function targetOf(request: FastifyRequest): Target {
  if (request.target === undefined) throw new Error('the target of a prediction request was not found');
  return request.target;
}
