import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { Refusal, type RefusalCode } from '../../errors.js';
import { afterAnswers, answerInFlight, closeAfterLinger } from './connections.js';
import { SECURITY_HEADERS } from './plugins/security-headers.js';
import { PROBLEM_MEDIA_TYPE, problemOf } from './schemas/problem.js';

const CODES: Readonly<Record<string, RefusalCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  ERR_SERVER_ENDS: 'draining',
};

/** Their bytes could still arrive, and be taken for another request: no lingering. */
const LATE: ReadonlySet<RefusalCode> = new Set<RefusalCode>(['request_timeout', 'draining']);

/** Of a request that has not come to its end when the server comes to its own. */
export class ServerEnds extends Error {
  readonly code = 'ERR_SERVER_ENDS';

  constructor() {
    super('the server is shutting down, and the rest of the request has not come');
  }
}

export interface UnreadableOptions {
  readonly logger: FastifyBaseLogger;
  readonly nextRequestId: () => string;
  /** See `lastAnswers`. */
  readonly lastAnswer: (socket: Socket) => ServerResponse | undefined;
}

/** Answers what node:http could not read as a request, and closes the connection. */
export function createUnreadableAnswer(
  options: UnreadableOptions,
): (error: Error & { code?: string }, socket: Socket) => void {
  const refused = new WeakSet<Socket>();
  return (error, socket) => {
    if (refused.has(socket)) return;
    refused.add(socket);
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const code = CODES[error.code ?? ''] ?? 'bad_request';
    // Pipelined requests before the unreadable one get their own answers first. Its own is not among
    // them: a body that stops being readable leaves its request incomplete.
    afterAnswers(
      socket,
      ({ req }) => req.complete,
      () => {
        if (!socket.writable || answerInFlight(socket)?.headersSent) {
          socket.destroy();
          return;
        }
        if (hasAnswer(options.lastAnswer(socket))) {
          closeAfter(socket, code);
          return;
        }
        const requestId = options.nextRequestId();
        options.logger.info({ request_id: requestId, code, reason: error.message }, 'unreadable request');
        const extras = code === 'draining' ? { retryAfterSeconds: 1 } : {};
        closeAfter(socket, code, answerText(new Refusal(code, error.message, extras), requestId));
      },
    );
  };
}

function closeAfter(socket: Socket, code: RefusalCode, lastBytes = ''): void {
  if (!LATE.has(code)) closeAfterLinger(socket, lastBytes);
  else {
    socket.end(lastBytes);
    socket.destroySoon();
  }
}

/**
 * Whether what cannot be read is the body of a request that has been answered already, as one that is refused by its
 * head is: a second answer would be taken for that of the next request.
 */
function hasAnswer(last: ServerResponse | undefined): boolean {
  return last?.headersSent === true && !last.req.complete;
}

function answerText(refusal: Refusal, requestId: string): string {
  const body = JSON.stringify(problemOf(refusal, requestId));
  const headers = Object.entries({
    ...SECURITY_HEADERS,
    'x-request-id': requestId,
    'content-type': PROBLEM_MEDIA_TYPE,
    'content-length': Buffer.byteLength(body),
    ...(refusal.retryAfterSeconds === undefined ? {} : { 'retry-after': refusal.retryAfterSeconds }),
    connection: 'close',
  });
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${refusal.status} ${refusal.title}`, ...lines, '', body].join('\r\n');
}
