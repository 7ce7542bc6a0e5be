import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { Refusal } from '../../errors.js';
import { joined } from '../../rows/decode/pieces.js';
import { parseJson } from '../../rows/decode/plain.js';
import { bodyOf } from './die-bodies.js';
import { readPart } from './schemas/requests.js';

/**
 * The JSON body of a request that is not a die, read by its schema.
 * @throws Refusal `unsupported_media_type`, `invalid_json` or `invalid_input`
 */
export function readJsonBody<T extends z.ZodType>(request: FastifyRequest, schema: T): z.output<T> {
  const { media, pieces } = bodyOf(request);
  if (media !== 'json')
    throw new Refusal('unsupported_media_type', 'expected application/json, found application/octet-stream');
  return readPart(schema, parseJson(joined(pieces)), 'body');
}
