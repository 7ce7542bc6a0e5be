import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { Refusal, type RefusalCode } from '../errors.js';
import { afterAnswers, answerInFlight } from './connections.js';
import { SECURITY_HEADERS } from './plugins/security-headers.js';
import { PROBLEM_MEDIA_TYPE, problemOf } from './schemas/problem.js';

// How long the rest of what a client sends is thrown away before its connection is torn down: closing
// with unread bytes resets the connection, and the client may lose the answer that explains it.
const LINGER_MS = 1_000;

const CODES: Readonly<Record<string, RefusalCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** Answers what node:http could not read as a request, and closes the connection. */
export function createUnreadableAnswer(options: {
  readonly logger: FastifyBaseLogger;
  readonly nextRequestId: () => string;
}): (error: Error & { code?: string }, socket: Socket) => void {
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
        const requestId = options.nextRequestId();
        options.logger.info({ request_id: requestId, code, reason: error.message }, 'unreadable request');
        socket.end(answerText(new Refusal(code, error.message), requestId));
        // A body that is only late could still arrive and be taken for a request, so there is no lingering.
        if (code === 'request_timeout') socket.destroySoon();
        else setTimeout(() => socket.destroy(), LINGER_MS).unref();
      },
    );
  };
}

function answerText(refusal: Refusal, requestId: string): string {
  const body = JSON.stringify(problemOf(refusal, requestId));
  const headers = Object.entries({
    ...SECURITY_HEADERS,
    'x-request-id': requestId,
    'content-type': PROBLEM_MEDIA_TYPE,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  });
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${refusal.status} ${refusal.title}`, ...lines, '', body].join('\r\n');
}
