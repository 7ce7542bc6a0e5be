import type { IncomingHttpHeaders } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { Refusal } from '../../../errors.js';
import type { ArrivingBytes } from '../../../rows/arriving-bytes.js';
import { joined } from '../../../rows/decode/pieces.js';
import { readBody } from '../../../rows/read-body.js';

const NO_BYTES = Buffer.alloc(0);

/**
 * Takes the bytes of every body, up to `limitBytes` once unpacked: stock clients send no media type, or
 * text/plain, or the one of HTML forms, and mean JSON or tensors.
 * @param arriving bounds all large bodies of the server together
 */
export function anyBodyParser(app: FastifyInstance, limitBytes: number, arriving: ArrivingBytes): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', ({ headers }, payload, done) => {
    let unpacker: Transform | undefined;
    try {
      unpacker = unpackerOf(headers);
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    const finish = (refusal: Refusal | null, pieces?: readonly Buffer[]): void => {
      done(refusal, pieces && joined(pieces));
    };
    if (unpacker === undefined) {
      const { 'content-length': length } = headers;
      readBody(payload, length === undefined ? undefined : Number(length), limitBytes, arriving, finish);
    } else {
      readPacked(payload, unpacker, limitBytes, arriving, (refusal, pieces) => {
        finish(refusal && notPacked(refusal, headers), pieces);
      });
    }
  });
}

/** The bytes of a request that {@link anyBodyParser} has read; none for a request without a body. */
export function inferBytesOf(body: unknown): Buffer {
  return Buffer.isBuffer(body) ? body : NO_BYTES;
}

/** What undoes the compression that Triton's clients offer: `deflate` is zlib's format (RFC 9110, section 8.4.1.2). */
function unpackerOf({
  'content-encoding': encoding = 'identity',
}: IncomingHttpHeaders): Transform | undefined {
  switch (encoding.toLowerCase()) {
    case 'identity':
      return undefined;
    case 'gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    default:
      throw new Refusal(
        'unsupported_media_type',
        `content-encoding: expected gzip, deflate or identity, found "${encoding.slice(0, 40)}"`,
      );
  }
}

/** The refusal of a body that is not what its content-encoding says; every other one as it is. */
function notPacked(refusal: Refusal, { 'content-encoding': encoding }: IncomingHttpHeaders): Refusal {
  const { cause } = refusal;
  if (!(cause instanceof Error && 'code' in cause && /^Z_|^ERR_ZLIB/.test(String(cause.code))))
    return refusal;
  return new Refusal(
    'bad_request',
    `the body is no ${encoding}, as its content-encoding says: ${cause.message}`,
    {
      cause,
    },
  );
}

/** Reads through an unpacker; the limit is for what comes out of it, so that a small body cannot become a large one. */
function readPacked(
  payload: Readable,
  unpacker: Transform,
  limitBytes: number,
  arriving: ArrivingBytes,
  done: (refusal: Refusal | null, pieces?: readonly Buffer[]) => void,
): void {
  const onPayloadError = (error: Error): void => {
    unpacker.destroy(error);
  };
  payload.on('error', onPayloadError);
  readBody(unpacker, undefined, limitBytes, arriving, (refusal, pieces) => {
    payload.unpipe(unpacker);
    payload.removeListener('error', onPayloadError);
    // What still comes is let go by, so that the client can read the answer; destroying it would cut the line.
    payload.resume();
    unpacker.on('error', () => {});
    unpacker.destroy();
    done(refusal, pieces);
  });
  payload.pipe(unpacker);
}
