import { z } from 'zod';

export const HealthSchema = z.object({
  status: z.literal('ok'),
  model_loaded: z.boolean().describe('Whether the default model can answer'),
  uptime_seconds: z.number(),
  requests_served: z.int().describe('HTTP requests answered since the start, of any kind'),
});

export const ReadySchema = z.object({
  status: z.enum(['ready', 'not_ready']),
  missing: z.array(z.string()).describe('What readiness waits for; empty when ready'),
  failed: z
    .array(z.string())
    .describe(
      'Model versions that cannot be loaded, and why; they take no traffic and keep no other from it',
    ),
});

export type Ready = z.infer<typeof ReadySchema>;

export const RootSchema = z.object({
  name: z.literal('diegate'),
  version: z.string(),
  links: z.record(z.string(), z.string()),
});
