import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Experiments } from '../../../routing/experiments.js';
import { ExperimentSchema } from '../../../traffic/experiment.js';
import { problemAnswer } from '../schemas/problem.js';
import { ModelParamsSchema } from '../schemas/requests.js';
import type { ZodTypeProvider } from '../zod-provider.js';

const ExperimentsSchema = z.object({
  model: z.string(),
  since: z.iso
    .datetime()
    .describe("When the account began: the start, or the last change of the model's traffic"),
  experiments: z.array(ExperimentSchema).describe('Each version that has seen dies, beside the default'),
});

/** GET /models/{model}/experiments: versions compared, with a recommendation. */
export function experimentRoutes(app: FastifyInstance, { experiments }: { experiments: Experiments }): void {
  app.withTypeProvider<ZodTypeProvider>().get(
    '/models/:model/experiments',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['models'],
        summary: 'Versions compared with the default: fail rates, scores, latencies, disagreement, advice',
        params: ModelParamsSchema,
        response: { 200: ExperimentsSchema, 404: problemAnswer('No such model') },
      },
    },
    async ({ params }) => {
      const { model, since, experiments: found } = experiments.compare(params.model);
      return { model, since: since.toISOString(), experiments: [...found] };
    },
  );
}
