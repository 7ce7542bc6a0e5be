import { z } from 'zod';
import { ModelParamsSchema, VersionParamsSchema } from '../schemas/requests.js';
import { JSON_MEDIA_TYPE } from './error-form.js';
import { OipErrorSchema } from './schemas.js';

export const TAGS = ['open inference protocol'];

export const BINARY_MEDIA_TYPE = 'application/octet-stream';

/** The paths under which a version can be addressed. */
export const OIP_ADDRESSES = [
  { path: '/models/:model', params: ModelParamsSchema, by: "a model's default version" },
  { path: '/models/:model/versions/:version', params: VersionParamsSchema, by: 'a named version' },
] as const;

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
