import fp from 'fastify-plugin';

/**
 * Lets pages of these origins, and of no other, call the API from a browser. Registered before the access
 * plugin: a browser asks for leave without a credential. None of the browser's own credentials (cookies,
 * passwords, certificates) are allowed.
 */
export const corsPlugin = fp<{ origins: readonly string[] }>(
  async (app, { origins }) => {
    if (origins.length === 0) return;
    const { default: cors } = await import('@fastify/cors');
    await app.register(cors, {
      origin: [...origins],
      methods: ['GET', 'HEAD', 'POST'],
      exposedHeaders: ['x-request-id', 'retry-after', 'ratelimit', 'ratelimit-policy'],
      maxAge: 600,
    });
  },
  { name: 'cors' },
);
