import { gunzipSync, inflateSync } from 'node:zlib';
import { Refusal } from '../../../errors.js';

/** How a call's messages may be packed (its `grpc-encoding`): gRPC's deflate is zlib's form of it. */
const UNPACK = { gzip: gunzipSync, deflate: inflateSync };
export const ENCODINGS = ['identity', ...Object.keys(UNPACK)].join(',');

/** Longest message that is unpacked: it is done in one piece, and more would keep all others waiting. */
const MAX_UNPACKED_BYTES = 1_048_576;

/** Unpacks a message. */
export type Unpack = (bytes: Buffer) => Buffer;

/**
 * What unpacks the messages of a call; undefined where none is packed.
 * @param maxBytes longest message, unpacked
 * @throws Refusal `unsupported_media_type` for an encoding that is not known here
 */
export function unpackBy(encoding: string | undefined, maxBytes: number): Unpack | undefined {
  if (encoding === undefined || encoding === 'identity') return undefined;
  if (encoding !== 'gzip' && encoding !== 'deflate') {
    throw new Refusal(
      'unsupported_media_type',
      `grpc-encoding: expected one of ${ENCODINGS}, found "${encoding.slice(0, 40)}"`,
    );
  }
  const maxOutputLength = Math.min(maxBytes, MAX_UNPACKED_BYTES);
  return (bytes) => {
    try {
      return UNPACK[encoding](bytes, { maxOutputLength });
    } catch (cause) {
      if (cause instanceof RangeError)
        throw new Refusal(
          'body_too_large',
          `expected a message of at most ${maxOutputLength} bytes behind ${encoding}; send it without grpc-encoding`,
          { cause },
        );
      throw new Refusal('bad_request', `expected a message packed by ${encoding}, found none`, { cause });
    }
  };
}
