import type { Readable } from 'node:stream';
import { Refusal } from '../errors.js';

/** Of each body so many bytes are always taken, so that large bodies cannot shut out single dies. */
const FREE_BYTES = 65_536;

/** The memory for bodies that are still arriving: however many callers there are, not without bound. */
export class ArrivingBytes {
  readonly #limitBytes: number;
  #taken = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Takes room for bytes; whether there was any. */
  take(bytes: number): boolean {
    if (this.#taken + bytes > this.#limitBytes) return false;
    this.#taken += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#taken -= bytes;
  }

  /** Bytes that are taken now. */
  get taken(): number {
    return this.#taken;
  }
}

/**
 * Reads a request's body to its end. (Fastify's own reader copies every body once more, which for 5 KB of
 * JSON is an allocation outside the heap for each die.)
 * @param declaredBytes what content-length says; undefined for a chunked body
 * @param arriving what large bodies share; given back before `done`
 * @param done called once, with a Refusal `body_too_large`, `queue_full` or `bad_request`, or with the bytes
 */
export function readBody(
  payload: Readable,
  declaredBytes: number | undefined,
  limitBytes: number,
  arriving: ArrivingBytes,
  done: (refusal: Refusal | null, bytes?: Buffer) => void,
): void {
  if (declaredBytes !== undefined && declaredBytes > limitBytes) {
    done(tooLarge(limitBytes, declaredBytes));
    return;
  }
  const chunks: Buffer[] = [];
  let received = 0;
  let taken = 0;
  const onData = (chunk: Buffer): void => {
    received += chunk.length;
    chunks.push(chunk);
    if (received > limitBytes) finish(tooLarge(limitBytes, received));
    else if (received > FREE_BYTES) {
      if (arriving.take(chunk.length)) taken += chunk.length;
      else finish(noRoom());
    }
  };
  const onEnd = (): void => {
    if (declaredBytes !== undefined && received !== declaredBytes) {
      finish(
        new Refusal(
          'bad_request',
          `the body has ${received} bytes, its content-length says ${declaredBytes}`,
        ),
      );
      return;
    }
    const [only] = chunks;
    finish(null, only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks, received));
  };
  const onError = (error: Error): void => {
    finish(new Refusal('bad_request', 'the body could not be read to its end', { cause: error }));
  };
  const finish = (refusal: Refusal | null, bytes?: Buffer): void => {
    payload.removeListener('data', onData);
    payload.removeListener('end', onEnd);
    payload.removeListener('error', onError);
    arriving.give(taken);
    done(refusal, bytes);
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
