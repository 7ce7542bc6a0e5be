import type { IncomingMessage } from 'node:http';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import Fastify, { type FastifyReply, type FastifyRequest, type RouteOptions } from 'fastify';
import { z } from 'zod';
import type { Permission } from '../../../callers/caller.js';
import { documentedSchema, refusalContent } from '../openapi/json-schema.js';
import { completeDocument, type RouteFacts } from '../openapi/openapi-document.js';
import { noSuchRoute } from './problems.js';

export interface DocsOptions {
  readonly version: string;
  /** Whether callers are asked who they are. */
  readonly keysAsked: boolean;
  /** Whether anybody can change what is served. */
  readonly hasAdmin: boolean;
  /** What a reader must be permitted; undefined for documentation that is open to everybody. */
  readonly permission: Permission | undefined;
}

/** The pages of the documentation, which answer a request of the server's by themselves. */
export interface DocsPages {
  /** @param refuse called, and nothing sent, where there is no such page or it cannot be sent */
  answer(request: FastifyRequest, reply: FastifyReply, refuse: (error: unknown) => void): void;
}

const DESCRIPTION = `The gate that every die passes on the test floor: POST a die's parametric measurements, get pass or
fail with a confidence and an anomaly score. Every refusal is an RFC 9457 problem with a stable code.`;

// All from this server; the page styles itself inline. No upgrade-insecure-requests: inside a fab the
// page is often read over plain HTTP.
const PAGE_POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'";

const ADMIN_TAG = {
  name: 'admin',
  description: 'What is served, changed while dies are answered; needs an admin key',
};

/**
 * The documentation of these routes, /openapi.json and the pages below /docs. They are a Fastify of their own,
 * which never listens: once a server runs it takes no more routes.
 */
export async function makePages(
  routes: readonly RouteOptions[],
  { version, keysAsked, hasAdmin }: DocsOptions,
): Promise<DocsPages> {
  const pages = Fastify({ routerOptions: { ignoreTrailingSlash: true } });
  pages.setValidatorCompiler(() => () => true);
  pages.setSerializerCompiler(() => JSON.stringify);
  await pages.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'diegate', version, description: DESCRIPTION },
      tags: [
        { name: 'predict', description: 'Dies in, answers out' },
        { name: 'models', description: 'What is loaded, and how versions compare' },
        {
          name: 'open inference protocol',
          description: 'The same dies for KServe and Triton clients; errors in its own form',
        },
        ...(hasAdmin ? [ADMIN_TAG] : []),
        { name: 'operations', description: 'Probes and metrics' },
      ],
      ...(keysAsked
        ? {
            components: {
              securitySchemes: {
                key: { type: 'apiKey', in: 'header', name: 'x-api-key' },
                bearer: { type: 'http', scheme: 'bearer' },
                basic: { type: 'http', scheme: 'basic', description: 'The key as the password, for reading' },
              },
            },
          }
        : {}),
    },
    transform: ({ schema, url }) => ({ schema: documentedSchema(schema) as typeof schema, url }),
  });
  await pages.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: PAGE_POLICY,
    uiConfig: { tryItOutEnabled: true, defaultModelsExpandDepth: 0 },
    // The top bar is for exploring other APIs; this page has one.
    theme: {
      title: 'diegate API',
      css: [{ filename: 'diegate.css', content: '.swagger-ui .topbar { display: none }' }],
    },
  });
  for (const { method, url, schema } of routes)
    if (method !== 'HEAD') pages.route({ method, url, ...(schema && { schema }), handler: nothingHere });
  const completed = () =>
    completeDocument({ ...pages.swagger() }, { routes: routes.flatMap(factsOf), keysAsked, refusalContent });
  let document: Buffer | undefined;
  pages.get('/openapi.json', { schema: { hide: true } }, (_request, reply) => {
    document ??= Buffer.from(JSON.stringify(completed()));
    return reply.type('application/json; charset=utf-8').send(document);
  });

  // What is refused is left to the server, which knows the form.
  const refusals = new WeakMap<IncomingMessage, (error: unknown) => void>();
  const refuse = (error: unknown, { raw }: FastifyRequest, reply: FastifyReply) => {
    reply.hijack();
    refusals.get(raw)?.(error);
  };
  pages.setErrorHandler(refuse);
  pages.setNotFoundHandler((request, reply) => refuse(noSuchRoute(request), request, reply));
  await pages.ready();
  return {
    answer({ raw }, reply, refuse) {
      refusals.set(raw, refuse);
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) reply.raw.setHeader(name, value);
      pages.routing(raw, reply.raw);
    },
  };
}

/** The pages know the other routes for their descriptions only. */
function nothingHere(_request: FastifyRequest, reply: FastifyReply): void {
  reply.callNotFound();
}

function factsOf({ method, url, config, schema }: RouteOptions): RouteFacts[] {
  const methods = Array.isArray(method) ? method : [method];
  return methods.map((one) => ({
    method: one,
    url,
    permission: config?.permission,
    predicts: config?.predicts === true,
    isBodyOptional: isOptional(schema?.body),
  }));
}

/** Of a body that is a schema, or that is documented only, by its media types. */
function isOptional(body: unknown): boolean {
  if (body instanceof z.ZodOptional) return true;
  return typeof body === 'object' && body !== null && 'required' in body && body.required === false;
}
