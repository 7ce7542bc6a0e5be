import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type DriftReport, DriftReportSchema } from '../../../drift/report.js';
import { Refusal } from '../../../errors.js';
import type { Catalogue } from '../../../models/catalogue.js';
import { problemAnswer } from '../schemas/problem.js';
import { VersionParamsSchema } from '../schemas/requests.js';
import type { ZodTypeProvider } from '../zod-provider.js';

/** Who measures drift. */
export interface DriftReports {
  /**
   * The table of a version; undefined where its drift is not measured.
   * @throws Refusal `invalid_input` (as a rejection) for an equipment without dies in the window
   */
  report(key: string, equipmentId?: string): Promise<DriftReport | undefined>;
}

const DriftQuerySchema = z.object({
  equipment: z
    .string({ error: 'expected one equipment_id' })
    .min(1)
    .max(128)
    .optional()
    .describe('equipment_id whose dies the table of parameters is of; all dies without it'),
});

/** GET /models/{model}/versions/{version}/drift: what has drifted, on which equipment. */
export function driftRoutes(
  app: FastifyInstance,
  { catalogue, drift }: { readonly catalogue: Catalogue; readonly drift: DriftReports },
): void {
  app.withTypeProvider<ZodTypeProvider>().get(
    '/models/:model/versions/:version/drift',
    {
      config: { permission: 'read' as const },
      schema: {
        tags: ['models'],
        summary: 'How far parameters and outputs have drifted from the training data, and on which equipment',
        params: VersionParamsSchema,
        querystring: DriftQuerySchema,
        response: {
          200: DriftReportSchema,
          404: problemAnswer('No such model or version, or it has no reference'),
          422: problemAnswer('No dies of that equipment in the window'),
        },
      },
    },
    async ({ params, query }) => {
      const { key } = catalogue.find(params.model, params.version);
      const report = await drift.report(key, query.equipment);
      if (report !== undefined) return report;
      throw new Refusal('drift_not_measured', `${key} has no reference.json, or is not loaded`);
    },
  );
}
