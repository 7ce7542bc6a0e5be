import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { CanaryDriver } from '../../../lifecycle/canary-driver.js';
import type { Catalogue } from '../../../models/catalogue.js';
import { CanaryProgressSchema, progressOf } from '../../../traffic/canary-progress.js';
import { SplitSchema } from '../../../traffic/split.js';
import { problemAnswer } from '../schemas/problem.js';
import { ModelParamsSchema } from '../schemas/requests.js';
import type { ZodTypeProvider } from '../zod-provider.js';

const TrafficReportSchema = z.object({
  model: z.string(),
  default_version: z.string().nullable(),
  split: SplitSchema.nullable(),
  shadows: z.array(z.string()),
  canary: CanaryProgressSchema.nullable().describe('The canary that is under way, or the last one'),
});

interface TrafficRouteOptions {
  readonly catalogue: Catalogue;
  readonly canaries: Pick<CanaryDriver, 'observation'>;
}

/** GET /models/{model}/traffic: which version answers, and where a canary is and what it waits for. */
export function trafficRoutes(app: FastifyInstance, { catalogue, canaries }: TrafficRouteOptions): void {
  app.withTypeProvider<ZodTypeProvider>().get(
    '/models/:model/traffic',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['models'],
        summary: 'Which version answers: default, split, shadows, and what a canary waits for',
        params: ModelParamsSchema,
        response: { 200: TrafficReportSchema, 404: problemAnswer('No such model') },
      },
    },
    async ({ params: { model } }) => {
      const { defaultVersion } = catalogue.model(model);
      const { split, shadow, canary } = catalogue.serving.models[model] ?? {};
      return {
        model,
        default_version: defaultVersion ?? null,
        split: split ?? null,
        shadows: shadow ?? [],
        canary: canary === undefined ? null : progressOf(canary, canaries.observation(model)),
      };
    },
  );
}
