import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Refusal } from '../../errors.js';
import type { ArrivingBytes } from '../../rows/arriving-bytes.js';
import { readBody } from '../../rows/read-body.js';
import type { Body } from '../../rows/read-dies.js';

const NO_BODY: Body = { media: 'json', pieces: [] };

/**
 * Takes the bytes of JSON and binary bodies as they come, up to `limitBytes`, of all large bodies together up
 * to what `arriving` allows; everything else is 415.
 */
export function bodyParsers(app: FastifyInstance, limitBytes: number, arriving: ArrivingBytes): void {
  app.removeAllContentTypeParsers();
  for (const [type, media] of [
    ['application/json', 'json'],
    ['application/octet-stream', 'binary'],
  ] as const) {
    app.addContentTypeParser(type, ({ headers }, payload, done) => {
      const { 'content-encoding': encoding, 'content-length': length } = headers;
      if (encoding !== undefined && encoding !== 'identity') {
        const found = `content-encoding "${encoding}" is not read here; send the body plain`;
        done(new Refusal('unsupported_media_type', found));
        return;
      }
      const declared = length === undefined ? undefined : Number(length);
      readBody(payload, declared, limitBytes, arriving, (refusal, pieces) => {
        done(refusal, { media, pieces });
      });
    });
  }
}

/** The bytes of a request; none where it came without a body. */
export function bodyOf({ body }: FastifyRequest): Body {
  return isBody(body) ? body : NO_BODY;
}

function isBody(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && 'pieces' in value && Array.isArray(value.pieces);
}
