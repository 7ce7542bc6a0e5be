import type { Readable } from 'node:stream';
import { Refusal } from '../errors.js';
import { ArrivingBody, type ArrivingBytes } from './arriving-bytes.js';

/**
 * Reads a request's body to its end. (Fastify's own reader copies every body once more, which for 5 KB of
 * JSON is an allocation outside the heap for each die.)
 * @param declaredBytes what content-length says; undefined for a chunked body
 * @param arriving what large bodies share; given back before `done`
 * @param done called once, with a Refusal `body_too_large`, `queue_full` or `bad_request`, or with the bytes
 * in the pieces in which they came
 */
export function readBody(
  payload: Readable,
  declaredBytes: number | undefined,
  limitBytes: number,
  arriving: ArrivingBytes,
  done: (refusal: Refusal | null, pieces?: readonly Buffer[]) => void,
): void {
  if (declaredBytes !== undefined && declaredBytes > limitBytes) {
    done(tooLarge(limitBytes, declaredBytes));
    return;
  }
  const body = new ArrivingBody(arriving);
  const onData = (chunk: Buffer): void => {
    const hasRoom = body.add(chunk);
    if (body.bytes > limitBytes) finish(tooLarge(limitBytes, body.bytes));
    else if (!hasRoom) finish(noRoom());
  };
  const onEnd = (): void => {
    if (declaredBytes === undefined || body.bytes === declaredBytes) finish(null, body.pieces);
    else {
      const message = `the body has ${body.bytes} bytes, its content-length says ${declaredBytes}`;
      finish(new Refusal('bad_request', message));
    }
  };
  const onError = (error: Error): void => {
    finish(new Refusal('bad_request', 'the body could not be read to its end', { cause: error }));
  };
  const finish = (refusal: Refusal | null, pieces?: readonly Buffer[]): void => {
    payload.removeListener('data', onData);
    payload.removeListener('end', onEnd);
    payload.removeListener('error', onError);
    body.settle();
    done(refusal, pieces);
  };
  payload.on('data', onData);
  payload.on('end', onEnd);
  payload.on('error', onError);
  payload.resume();
}

function tooLarge(limitBytes: number, found: number): Refusal {
  return new Refusal(
    'body_too_large',
    `the body has ${found} bytes or more, MAX_BODY_BYTES allows ${limitBytes}`,
  );
}

function noRoom(): Refusal {
  return new Refusal('queue_full', 'too many large bodies are arriving at the same time', {
    retryAfterSeconds: 1,
  });
}
