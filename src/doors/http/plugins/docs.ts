import type { RouteOptions } from 'fastify';
import fp from 'fastify-plugin';
import type { DocsOptions, DocsPages } from './docs-pages.js';

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
