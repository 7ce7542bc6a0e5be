import { z } from 'zod';
import { OipErrorSchema } from '../../../oip/schemas.js';
import {
  ModelParamsSchema,
  PredictBatchHeadersSchema,
  PredictHeadersSchema,
  VersionParamsSchema,
} from '../schemas/requests.js';
import { JSON_MEDIA_TYPE } from './error-form.js';

export const TAGS = ['open inference protocol'];

export const BINARY_MEDIA_TYPE = 'application/octet-stream';

/** The paths under which a version can be addressed. */
export const OIP_ADDRESSES = [
  { path: '/models/:model', params: ModelParamsSchema, by: "a model's default version" },
  { path: '/models/:model/versions/:version', params: VersionParamsSchema, by: 'a named version' },
] as const;

/** Headers of an infer request: those of dies in a binary body, and the length of its JSON. */
export const InferHeadersSchema = PredictHeadersSchema.extend({
  'x-die-ids': PredictBatchHeadersSchema.shape['x-die-ids'],
  'inference-header-content-length': z
    .string()
    .regex(/^\d{1,15}$/)
    .optional()
    .describe('How many bytes of the body are JSON, where tensors follow as bytes; 0 for float32 alone'),
});

/** A refusal in the documentation of a route. */
export const OIP_REFUSALS = {
  '4xx': {
    description: 'The request is at fault',
    content: { [JSON_MEDIA_TYPE]: { schema: OipErrorSchema } },
  },
  '5xx': {
    description: '503: try again after retry-after. 504: the deadline passed before the dies were scored',
    content: { [JSON_MEDIA_TYPE]: { schema: OipErrorSchema } },
  },
};

/** The schema of a route that answers JSON. */
export function documented<T extends z.ZodType>(summary: string, answer: T) {
  return { tags: TAGS, summary, response: { 200: answer, ...OIP_REFUSALS } };
}

const BytesSchema = z.string().meta({ format: 'binary' });

/** A body of JSON, or of JSON and the tensors behind it, for the documentation. */
export function jsonOrBinary(json: z.ZodType) {
  return {
    content: {
      [JSON_MEDIA_TYPE]: { schema: json },
      [BINARY_MEDIA_TYPE]: {
        schema: BytesSchema.describe(
          'That JSON, as many bytes of it as inference-header-content-length says, then the tensors; of a request also little-endian float32 alone, where that header says 0',
        ),
      },
    },
  };
}
