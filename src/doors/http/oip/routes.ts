import type { FastifyInstance } from 'fastify';
import { Refusal } from '../../../errors.js';
import type { ExchangeParts } from '../../../exchange/exchange.js';
import { controlOf, type OipEngine, type OipVersion } from '../../../oip/engine.js';
import { extensionsOf, metadataOf } from '../../../oip/metadata.js';
import { ModelConfigSchema, modelConfig } from '../../../oip/model-config.js';
import {
  ControlRequestSchema,
  IndexRequestSchema,
  LiveSchema,
  LoadedSchema,
  ModelMetadataSchema,
  ModelReadySchema,
  RepositoryIndexSchema,
  ServerMetadataSchema,
  ServerReadySchema,
  StatisticsSchema,
  UnloadedSchema,
} from '../../../oip/schemas.js';
import type { ArrivingBytes } from '../../../rows/arriving-bytes.js';
import { ModelParamsSchema } from '../schemas/requests.js';
import type { ZodTypeProvider } from '../zod-provider.js';
import { anyBodyParser, inferBytesOf } from './body-parser.js';
import { documented, OIP_ADDRESSES } from './documentation.js';
import { inferRoutes } from './infer-routes.js';
import { readOptionalJson } from './read-json.js';

interface OipRouteOptions {
  readonly engine: OipEngine;
  /** Version of diegate. */
  readonly version: string;
  /** Largest body, after unpacking. */
  readonly maxBodyBytes: number;
  /** Bounds all large bodies of the server together. */
  readonly arriving: ArrivingBytes;
  /** Most dies in one infer request. */
  readonly maxBatchDies: number;
  /** What infer requests are made with. */
  readonly exchange: ExchangeParts;
  /** Whether somebody may load and unload: without, both are 404 and not in the documentation. */
  readonly isControlDocumented: boolean;
}

const READ = { permission: 'read' as const };
const ADMIN = { permission: 'admin' as const };

/**
 * The Open Inference Protocol v2 over REST, with Triton's extensions for binary tensors, the model
 * repository and statistics, to be registered under `/v2`.
 */
export async function oipRoutes(app: FastifyInstance, options: OipRouteOptions): Promise<void> {
  anyBodyParser(app, options.maxBodyBytes, options.arriving);
  // The index is an array, which the server's own compiler does not take; none of these is asked for often.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  serverRoutes(app, options);
  modelRoutes(app, options);
  inferRoutes(app, options);
  statisticsRoutes(app, options.engine);
  repositoryRoutes(app, options);
}

function serverRoutes(app: FastifyInstance, { engine, version }: OipRouteOptions): void {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const extensions = extensionsOf(engine);
  routes.get(
    '/',
    { config: READ, schema: documented('Name, version and extensions', ServerMetadataSchema) },
    async () => ({
      name: 'diegate',
      version,
      extensions,
    }),
  );
  routes.get(
    '/health/live',
    { schema: documented('Liveness: the process can answer', LiveSchema) },
    async () => ({ live: true }),
  );
  routes.get(
    '/health/ready',
    { schema: documented('Readiness: every configured model is loaded and warm', ServerReadySchema) },
    async () => {
      const missing = engine.missing();
      if (missing.length > 0) throw notReady(missing.join('; '));
      return { ready: true };
    },
  );
}

function modelRoutes(app: FastifyInstance, { engine, maxBatchDies }: OipRouteOptions): void {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const find = (address: { model: string; version?: string }) => engine.find(address.model, address.version);
  for (const { path, params, by } of OIP_ADDRESSES) {
    routes.get(
      path,
      { config: READ, schema: { ...documented(`Inputs and outputs of ${by}`, ModelMetadataSchema), params } },
      async (request) => metadataOf(engine, find(request.params)),
    );
    routes.get(
      `${path}/ready`,
      { config: READ, schema: { ...documented(`Whether ${by} can answer`, ModelReadySchema), params } },
      async (request) => {
        const version = find(request.params);
        const { state, reason } = engine.state(version);
        if (state !== 'READY') throw notReady(reason);
        return { name: version.name, ready: true };
      },
    );
    routes.get(
      `${path}/config`,
      {
        config: READ,
        schema: {
          ...documented(`How ${by} is served, as far as Triton has words for it`, ModelConfigSchema),
          params,
        },
      },
      async (request) => modelConfig(find(request.params), maxBatchDies),
    );
  }
}

function statisticsRoutes(app: FastifyInstance, engine: OipEngine): void {
  const { statistics } = engine;
  if (statistics === undefined) return;
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const of = (versions: readonly OipVersion[]) => ({
    model_stats: versions.map((one) => ({ name: one.name, version: one.version, ...statistics(one) })),
  });
  const schema = (whose: string) => documented(`What ${whose} done since the start`, StatisticsSchema);
  const [byModel, byVersion] = OIP_ADDRESSES;
  const allSchema = schema('all versions have');
  routes.get('/models/stats', { config: READ, schema: allSchema }, async () => of(engine.versions()));
  routes.get(
    `${byModel.path}/stats`,
    { config: READ, schema: { ...schema("a model's versions have"), params: byModel.params } },
    async ({ params }) => of(engine.versions(params.model)),
  );
  routes.get(
    `${byVersion.path}/stats`,
    { config: READ, schema: { ...schema('a named version has'), params: byVersion.params } },
    async ({ params }) => of([engine.find(params.model, params.version)]),
  );
}

function repositoryRoutes(app: FastifyInstance, { engine, isControlDocumented }: OipRouteOptions): void {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  routes.post(
    '/repository/index',
    {
      config: READ,
      schema: {
        ...documented('Every version and its state', RepositoryIndexSchema),
        body: IndexRequestSchema.optional(),
      },
    },
    async ({ body }) => {
      const { ready } = readOptionalJson(IndexRequestSchema, inferBytesOf(body));
      return engine
        .versions()
        .map((one) => ({ name: one.name, version: one.version, ...engine.state(one) }))
        .filter(({ state }) => !ready || state === 'READY');
    },
  );
  const control = {
    params: ModelParamsSchema,
    body: ControlRequestSchema.optional(),
    hide: !isControlDocumented,
  };
  routes.post(
    '/repository/models/:model/load',
    { config: ADMIN, schema: { ...documented('Load a model, or load it anew', LoadedSchema), ...control } },
    async (request) => {
      const { model } = request.params;
      readOptionalJson(ControlRequestSchema, inferBytesOf(request.body));
      await controlOf(engine).load(model, { id: request.keyId, requestId: request.id });
      return { name: model, load: true as const };
    },
  );
  routes.post(
    '/repository/models/:model/unload',
    { config: ADMIN, schema: { ...documented('Take a model out of service', UnloadedSchema), ...control } },
    async (request) => {
      const { model } = request.params;
      readOptionalJson(ControlRequestSchema, inferBytesOf(request.body));
      await controlOf(engine).unload(model, { id: request.keyId, requestId: request.id });
      return { name: model, unload: true as const };
    },
  );
}

function notReady(reason: string): Refusal {
  return new Refusal('model_not_ready', reason, { retryAfterSeconds: 1 });
}
