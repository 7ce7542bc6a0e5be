import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import fp from 'fastify-plugin';
import type { Permission } from '../../../callers/caller.js';

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

/**
 * Serves /openapi.json and, at /docs, a Swagger UI that needs nothing from the internet: of every route that
 * is added after it. Both are made, and what makes them is loaded, when somebody looks for the first time.
 */
export const docsPlugin = fp<DocsOptions>(
  (app, options, done) => {
    const routes: RouteOptions[] = [];
    let made: Promise<DocsPages> | undefined;
    const config = options.permission === undefined ? {} : { permission: options.permission };
    for (const url of ['/docs', '/docs/*', '/openapi.json'])
      app.get(url, { config, schema: { hide: true } }, async (request, reply) => {
        made ??= import('./docs-pages.js').then(({ makePages }) => makePages(routes, options));
        const pages = await made;
        await new Promise<void>((resolve, reject) => {
          reply.raw.once('close', resolve);
          pages.answer(request, reply, reject);
        });
        return reply.hijack();
      });
    app.addHook('onRoute', (route) => {
      routes.push(route);
    });
    done();
  },
  { name: 'docs' },
);
