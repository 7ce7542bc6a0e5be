import { z } from 'zod';

/** Most shadow versions of one model: each runs every die of it once more. */
const MAX_SHADOWS = 4;

/** Versions that see the same dies as those that answer, and whose answers nobody gets. */
export const ShadowSchema = z
  .array(z.string().min(1).max(64))
  .max(MAX_SHADOWS)
  .refine((versions) => new Set(versions).size === versions.length, {
    error: 'expected each shadow version once, found one twice',
  })
  .default([])
  .describe('Versions that see the same dies, without a say in the answer');

export type Shadow = z.infer<typeof ShadowSchema>;
