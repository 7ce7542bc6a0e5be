import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { Refusal, type RefusalCode, refusalOf } from '../../../errors.js';
import { closeAfterLinger } from '../connections.js';
import { RouteMethods } from '../route-methods.js';
import { PROBLEM_MEDIA_TYPE, problemOf } from '../schemas/problem.js';
import { traceIdOf } from './trace.js';

/** Fastify's own errors as refusals of the contract; the detail says what was expected. */
const FASTIFY_ERRORS: Readonly<Record<string, readonly [RefusalCode, string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'expected content-type application/json or application/octet-stream',
  ],
  ECONNRESET: ['bad_request', 'the connection was closed before the whole body had arrived'],
  FST_ERR_BAD_URL: ['bad_request', 'the path of the URL is not valid percent-encoding'],
  FST_ERR_MAX_PARAM_LENGTH: ['not_found', 'a part of the path is too long to name anything here'],
};

/** node:http would leave out, without a word, those above a limit of its own. */
const MAX_HEADERS = 100;

/** Any error as the refusal that answers it, also those of Fastify and its plugins. */
export function httpRefusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const known = FASTIFY_ERRORS[isFastifyError(error) ? error.code : ''];
  if (known !== undefined) return new Refusal(known[0], known[1], { cause: error });
  // Plugins (such as the one that serves the pages of /docs) refuse with a bare status.
  const status = isHttpError(error) ? error.statusCode : 500;
  if (status === 404) return new Refusal('not_found', 'there is nothing of that name', { cause: error });
  if (status >= 400 && status < 500)
    return new Refusal('bad_request', 'the request makes no sense here', { cause: error });
  return refusalOf(error);
}

/** How refusals are written below a path, where it is not as problems. */
export interface ErrorForm {
  /** The path, such as `/v2`, with everything below it. */
  readonly prefix: string;
  readonly mediaType: string;
  readonly bodyOf: (refusal: Refusal, requestId: string) => unknown;
}

/** Writes the answer of a refused request. */
type SendRefusal = (refusal: Refusal, request: FastifyRequest, reply: FastifyReply) => FastifyReply;

/**
 * The one place that writes the answer of a refusal: in the form of the path that was called, else as a
 * problem. It goes by the path, because requests to no route and to no valid URL are refused too.
 */
export function createSendRefusal(forms: readonly ErrorForm[]): SendRefusal {
  return (refusal, request, reply) => {
    const path = request.routeOptions.url ?? pathOf(request.url);
    const form = forms.find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`));
    const body =
      form === undefined
        ? problemOf(refusal, request.id, traceIdOf(request))
        : form.bodyOf(refusal, request.id);
    if (refusal.allow !== undefined) reply.header('allow', refusal.allow.join(', '));
    if (refusal.retryAfterSeconds !== undefined) reply.header('retry-after', refusal.retryAfterSeconds);
    return reply
      .code(refusal.status)
      .header('content-type', form?.mediaType ?? PROBLEM_MEDIA_TYPE)
      .send(Buffer.from(JSON.stringify(body)));
  };
}

interface ProblemsOptions {
  readonly sendRefusal: SendRefusal;
  /** Whether anybody can have the permission `admin`: until then its routes are not there. */
  readonly hasAdmin: () => boolean;
}

/**
 * Turns every error and every unknown route into the answer of a refusal. Register it before the routes, whose
 * methods it knows then.
 */
export const problemsPlugin = fp<ProblemsOptions>(
  (app, { sendRefusal, hasAdmin }, done) => {
    const methods = new RouteMethods();
    app.addHook('onRoute', (route) => methods.add(route));
    const nothingThere = (request: FastifyRequest): Refusal => {
      const { method, url } = request;
      const allow = methods.of(pathOf(url), ({ config }) => config?.permission !== 'admin' || hasAdmin());
      if (allow.length === 0 || allow.includes(method)) return noSuchRoute(request);
      const found = `expected ${allow.join(' or ')} of ${pathOf(url)}, found ${method}`;
      return new Refusal('method_not_allowed', found, { allow });
    };
    app.setErrorHandler((error, request, reply) => {
      const refusal = httpRefusalOf(error);
      // One that comes as a refusal has been logged by whoever made it one.
      if (refusal.code === 'internal_error' && refusal !== error) {
        request.log.error({ request_id: request.id, err: error }, 'unexpected error');
      }
      request.refusal = refusal;
      if (reply.getHeader('connection') === 'close' && !request.raw.complete) {
        // The connection is closed after this answer: not before the client had time to read it.
        const { socket } = request.raw;
        socket.destroySoon = () => closeAfterLinger(socket);
      }
      return sendRefusal(refusal, request, reply);
    });
    // Without this the body of a request to nowhere would be read before it is refused.
    app.addHook('onRequest', (request, _reply, next) => {
      if (request.is404) next(nothingThere(request));
      else if (request.raw.rawHeaders.length > 2 * MAX_HEADERS) next(tooManyHeaders(request));
      else if (request.headers.host === undefined && request.raw.httpVersion === '1.1') next(noHost());
      else next();
    });
    app.setNotFoundHandler((request) => {
      throw nothingThere(request);
    });
    app.decorateRequest('refusal', undefined);
    done();
  },
  { name: 'problems' },
);

declare module 'fastify' {
  interface FastifyRequest {
    /** The refusal that the request was answered with; undefined for none. */
    refusal: Refusal | undefined;
  }
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

function isHttpError(error: unknown): error is Error & { statusCode: number } {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number';
}

/** The refusal of a request to nowhere. */
export function noSuchRoute({ method, url }: FastifyRequest): Refusal {
  return new Refusal('not_found', `there is no ${method} ${pathOf(url)}`);
}

/** RFC 9112, section 3.2; node:http would answer without a body. */
function noHost(): Refusal {
  return new Refusal('bad_request', 'an HTTP/1.1 request needs a host header');
}

function tooManyHeaders({ raw }: FastifyRequest): Refusal {
  const found = raw.rawHeaders.length / 2;
  return new Refusal('headers_too_large', `expected at most ${MAX_HEADERS} headers, found ${found} or more`);
}

function pathOf(url: string): string {
  return (url.split('?', 1)[0] ?? url).slice(0, 200);
}
