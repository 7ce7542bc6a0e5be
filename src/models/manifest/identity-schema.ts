import { z } from 'zod';

/** A model's name: the folder's name in the repository and the name in URLs. */
export const ModelNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'expected 1 to 64 letters, digits, ".", "_" or "-"');

/** A version: a positive whole number as a string, as its folder is named. */
export const VersionSchema = z
  .string()
  .regex(/^[1-9][0-9]{0,8}$/, 'expected a positive whole number, such as "1"');

/** Where a version that was imported comes from: the ids by which it is found there again. */
export const LineageSourceSchema = z.strictObject({
  from: z.enum(['mlflow', 'oci', 'files']),
  location: z.string().max(2000).describe('Address or path that it was read from'),
  model: z.string().max(512).optional().describe('Name at the source'),
  version: z.string().max(64).optional().describe('Version at the source'),
  run: z.string().max(128).optional().describe('Id of the MLflow run'),
  loggedModel: z.string().max(128).optional().describe('Id of the MLflow logged model'),
  digest: z.string().max(128).optional().describe('Digest of the OCI manifest'),
});
export type LineageSource = z.infer<typeof LineageSourceSchema>;

/** Where a version comes from. */
export const LineageSchema = z.strictObject({
  data: z.string().describe('What it was trained on'),
  rows: z.int().min(0).optional().describe('Dies in the training data; left out where nobody knows'),
  codeVersion: z.string().describe('diegate version that made it'),
  created: z.iso.datetime({ error: 'expected an ISO 8601 time in UTC, such as "2026-01-01T00:00:00Z"' }),
  source: LineageSourceSchema.optional(),
});

/** Share of failing dies. */
export const BaseRateSchema = z.number().gt(0).lt(1);
