import type { FastifyInstance } from 'fastify';
import { type Catalogue, type CatalogueModel, readable } from '../../../models/catalogue.js';
import type { OutcomeAccounts } from '../../../routing/outcome-accounts.js';
import { ExampleSchema, exampleDie } from '../schemas/body.js';
import {
  ModelSummarySchema,
  ModelsSchema,
  modelSummary,
  VersionDetailSchema,
  versionDetail,
} from '../schemas/models.js';
import { problemAnswer } from '../schemas/problem.js';
import { ModelParamsSchema, VersionParamsSchema } from '../schemas/requests.js';
import type { ZodTypeProvider } from '../zod-provider.js';

interface ModelRouteOptions {
  readonly catalogue: Catalogue;
  readonly outcomes: Pick<OutcomeAccounts, 'of'>;
}

/** GET /models, /models/{model} and /models/{model}/versions/{version}: what is loaded and what it promises. */
export function modelRoutes(app: FastifyInstance, { catalogue, outcomes }: ModelRouteOptions): void {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const config = { permission: 'read' as const };
  const summary = (model: CatalogueModel) => modelSummary(model, outcomes.of(model.name));
  const problems = {
    404: problemAnswer('No such model or version'),
    503: problemAnswer('The files of the version are none'),
  };
  routes.get(
    '/models',
    { config, schema: { tags: ['models'], summary: 'All models', response: { 200: ModelsSchema } } },
    async () => ({ default_model: catalogue.defaultModel, models: catalogue.models().map(summary) }),
  );
  routes.get(
    '/models/:model',
    {
      config,
      schema: {
        tags: ['models'],
        summary: 'One model and its versions',
        params: ModelParamsSchema,
        response: { 200: ModelSummarySchema, ...problems },
      },
    },
    async ({ params }) => summary(catalogue.model(params.model)),
  );
  routes.get(
    '/models/:model/versions/:version',
    {
      config,
      schema: {
        tags: ['models'],
        summary: 'One version: contract, threshold, lineage, metrics',
        params: VersionParamsSchema,
        response: { 200: VersionDetailSchema, ...problems },
      },
    },
    async ({ params }) => versionDetail(catalogue.find(params.model, params.version)),
  );
  const example = {
    tags: ['models'],
    summary: 'A die as it can be posted: every parameter at its expected value',
  };
  routes.get(
    '/models/:model/example',
    {
      config,
      schema: { ...example, params: ModelParamsSchema, response: { 200: ExampleSchema, ...problems } },
    },
    async ({ params }) => exampleDie(readable(catalogue.find(params.model)), 0),
  );
  routes.get(
    '/models/:model/versions/:version/example',
    {
      config,
      schema: { ...example, params: VersionParamsSchema, response: { 200: ExampleSchema, ...problems } },
    },
    async ({ params }) => exampleDie(readable(catalogue.find(params.model, params.version)), 0),
  );
}
