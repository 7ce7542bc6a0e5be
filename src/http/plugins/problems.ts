import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { REFUSALS, Refusal, type RefusalCode } from '../../errors.js';
import { PROBLEM_MEDIA_TYPE, problemOf } from '../schemas/problem.js';

/** Fastify's own errors as refusals of the contract; the detail says what was expected. */
const FASTIFY_ERRORS: Readonly<Record<string, readonly [RefusalCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['body_too_large', 'the body is longer than MAX_BODY_BYTES allows'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'expected content-type application/json or application/octet-stream',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['bad_request', 'the body is not as long as its content-length says'],
  FST_ERR_BAD_URL: ['bad_request', 'the path of the URL is not valid percent-encoding'],
  FST_ERR_MAX_PARAM_LENGTH: ['not_found', 'a part of the path is too long to name anything here'],
};

/** Any error as the refusal that answers it; what nobody foresaw is a bare `internal_error`. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const known = FASTIFY_ERRORS[isFastifyError(error) ? error.code : ''];
  if (known !== undefined) return new Refusal(known[0], known[1], { cause: error });
  if (isFastifyError(error) && error.statusCode === 429) return new Refusal('rate_limited', error.message);
  return new Refusal('internal_error', 'the request could not be answered; the log has the reason', {
    cause: error,
  });
}

/** Answers a refusal: the one place that writes a problem response. */
export function sendProblem(refusal: Refusal, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (refusal.retryAfterSeconds !== undefined) reply.header('retry-after', refusal.retryAfterSeconds);
  return reply
    .code(refusal.status)
    .header('content-type', PROBLEM_MEDIA_TYPE)
    .send(JSON.stringify(problemOf(refusal, request.id)));
}

/** Turns every error and every unknown route into a problem response. */
export const problemsPlugin = fp(
  (app, _options, done) => {
    app.setErrorHandler((error, request, reply) => {
      const refusal = refusalOf(error);
      if (refusal.code === 'internal_error') {
        request.log.error({ request_id: request.id, err: error }, 'unexpected error');
      }
      request.refusalCode = refusal.code;
      return sendProblem(refusal, request, reply);
    });
    app.setNotFoundHandler((request, reply) => {
      request.refusalCode = 'not_found';
      return sendProblem(
        new Refusal('not_found', `there is no ${request.method} ${pathOf(request.url)}`),
        request,
        reply,
      );
    });
    app.decorateRequest('refusalCode', '');
    done();
  },
  { name: 'problems' },
);

declare module 'fastify' {
  interface FastifyRequest {
    /** Code of the refusal that the request was answered with; empty for none. */
    refusalCode: RefusalCode | '';
  }
}

/** Answers what node:http could not read as a request, and closes the connection. */
export function answerUnreadable(error: Error & { code?: string }, socket: Socket): void {
  if (socket.destroyed || !socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const code: RefusalCode =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 'headers_too_large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? 'request_timeout'
        : 'bad_request';
  const { title, status } = REFUSALS[code];
  const body = JSON.stringify({
    type: `urn:diegate:problem:${code}`,
    title,
    status,
    detail: title,
    request_id: '',
  });
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: ${PROBLEM_MEDIA_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

function pathOf(url: string): string {
  return (url.split('?', 1)[0] ?? url).slice(0, 200);
}
