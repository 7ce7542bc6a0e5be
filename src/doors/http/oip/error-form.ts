import type { z } from 'zod';
import type { OipErrorSchema } from '../../../oip/schemas.js';
import type { ErrorForm } from '../plugins/problems.js';

/** Where the protocol's routes are. */
export const OIP_PREFIX = '/v2';

/** Clients compare the media type as a whole, so it has no charset. */
export const JSON_MEDIA_TYPE = 'application/json';

/** The protocol's error form, for every refusal under its prefix. */
export const OIP_ERRORS: ErrorForm = {
  prefix: OIP_PREFIX,
  mediaType: JSON_MEDIA_TYPE,
  bodyOf: ({ message }): z.infer<typeof OipErrorSchema> => ({ error: message }),
};
