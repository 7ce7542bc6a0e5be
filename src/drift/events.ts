import { z } from 'zod';

/** What is posted to the webhook and logged when drift starts or ends. */
export const DriftEventSchema = z.object({
  event: z.enum(['drift.started', 'drift.ended']),
  event_id: z.uuid().describe('The same at every attempt to deliver it'),
  at: z.iso.datetime(),
  model_name: z.string(),
  model_version: z.string(),
  subject: z.enum(['product', 'equipment']),
  equipment_id: z.string().nullable(),
  about: z
    .enum(['parameters', 'fail_rate'])
    .describe('What drifts: test parameters, or the share of failing dies against the other equipment'),
  reason: z.enum(['drifted', 'recovered', 'gone']),
  psi_max: z.number().describe('Largest index beyond what wafers differ by'),
  over_0_25: z.int().describe('Parameters over 0.25'),
  parameters: z
    .array(z.object({ index: z.int(), name: z.string(), psi: z.number() }))
    .describe('At most 20, worst first'),
  dies: z.int().describe('Dies in the window'),
  fail_rate: z.number().nullable(),
  window_minutes: z.number(),
});

export type DriftEvent = z.infer<typeof DriftEventSchema>;
