import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import fp from 'fastify-plugin';
import { z } from 'zod';
import type { Permission } from '../access/caller.js';

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

export interface DocsOptions {
  readonly version: string;
  /** Whether callers are asked who they are. */
  readonly keysAsked: boolean;
  /** Whether anybody can change what is served. */
  readonly hasAdmin: boolean;
  /** What a reader must be permitted; undefined for documentation that is open to everybody. */
  readonly permission: Permission | undefined;
}

/** Serves /openapi.json and, at /docs, a Swagger UI that needs nothing from the internet. */
export const docsPlugin = fp<DocsOptions>(
  async (app, { version, keysAsked, hasAdmin, permission }) => {
    if (permission !== undefined) {
      // The pages are routes of a plugin, which has no option for this.
      app.addHook('onRoute', (route) => {
        if (/^\/(docs|openapi\.json)(\/|$)/.test(route.url)) route.config = { ...route.config, permission };
      });
    }
    await app.register(swagger, {
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
                },
              },
              security: [{ key: [] }, { bearer: [] }],
            }
          : {}),
      },
      transform: ({ schema, url }) => ({ schema: documented(schema) as typeof schema, url }),
    });
    await app.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: PAGE_POLICY,
      uiConfig: { tryItOutEnabled: true, defaultModelsExpandDepth: 0 },
      // The top bar is for exploring other APIs; this page has one.
      theme: {
        title: 'diegate API',
        css: [{ filename: 'diegate.css', content: '.swagger-ui .topbar { display: none }' }],
      },
    });
    app.get('/openapi.json', { schema: { hide: true } }, (_request, reply) => reply.send(app.swagger()));
  },
  { name: 'docs' },
);

/** A route's schema with every zod schema in it, at any depth, replaced by its JSON Schema. */
function documented(value: unknown, io: 'input' | 'output' = 'input'): unknown {
  if (value instanceof z.ZodType) {
    const { $schema: _, ...schema } = z.toJSONSchema(value, {
      target: 'draft-2020-12',
      io,
      unrepresentable: 'any',
    });
    return schema;
  }
  if (Array.isArray(value)) return value.map((item) => documented(item, io));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, documented(item, key === 'response' ? 'output' : io)]),
  );
}
