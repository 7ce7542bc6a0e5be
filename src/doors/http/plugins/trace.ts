import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { callersTrace, type RequestSpan, type RequestTrace, type Tracer } from '../../../tracing/tracer.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The trace that the request is a part of; undefined for none. */
    trace: RequestTrace | undefined;
  }
}

/**
 * Finds the trace of every request: the caller's, by its `traceparent`, or, for dies and where there is a
 * tracer, one that is begun here. Register it after the plugin that notes when a request arrived.
 */
export const tracePlugin = fp<{ tracer: Tracer | undefined }>(
  (app, { tracer }, done) => {
    app.decorateRequest('trace', undefined);
    app.addHook('onRequest', (request, reply, next) => {
      if (tracer !== undefined && request.routeOptions.config.predicts === true)
        request.trace = beginTrace(tracer, request, reply);
      else if (request.headers.traceparent !== undefined)
        request.trace = callersTrace(headerOf(request.headers, 'traceparent'));
      next();
    });
    done();
  },
  { name: 'trace', dependencies: ['observe'] },
);

/** The id of a request's trace, also of one that was refused before its trace was looked for. */
export function traceIdOf({ trace, headers }: FastifyRequest): string | undefined {
  return (trace ?? callersTrace(headerOf(headers, 'traceparent')))?.traceId;
}

function beginTrace(tracer: Tracer, request: FastifyRequest, reply: FastifyReply): RequestTrace | undefined {
  const begun = tracer.begin({
    requestId: request.id,
    method: request.method,
    route: request.routeOptions.url ?? '',
    path: request.url.split('?', 1)[0] ?? '',
    scheme: request.protocol,
    receivedAtMs: request.receivedAtMs,
    traceparent: headerOf(request.headers, 'traceparent'),
    tracestate: headerOf(request.headers, 'tracestate'),
  });
  // Comes also where the client goes before it is answered, of which Fastify's hooks are not told.
  if (begun?.span !== undefined) reply.raw.once('close', endingOf(begun.span, request, reply));
  return begun;
}

function endingOf(span: RequestSpan, request: FastifyRequest, reply: FastifyReply): () => void {
  return () => {
    const { exchange, refusal } = request;
    const version = exchange?.target?.version;
    span.end({
      status: reply.raw.writableFinished ? reply.raw.statusCode : undefined,
      refusalCode: refusal?.code ?? '',
      refusalDetail: refusal?.message ?? '',
      model: version?.name,
      version: version?.version,
      dies: exchange?.measurements?.labels.length,
    });
  };
}

/** A header that may come once only; node:http joins what came more often. */
function headerOf(headers: IncomingHttpHeaders, name: 'traceparent' | 'tracestate'): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}
