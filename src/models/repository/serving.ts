import { z } from 'zod';
import { ModelNameSchema, VersionSchema } from '../manifest/manifest.js';

/** `serving.json`: which model and which version answer a call that names none. */
export const ServingSchema = z.strictObject({
  defaultModel: ModelNameSchema.describe('The model of POST /predict'),
  models: z
    .record(
      ModelNameSchema,
      z.strictObject({ default: VersionSchema.describe('The version of a call that names none') }),
    )
    .default({}),
});

export type Serving = z.infer<typeof ServingSchema>;
