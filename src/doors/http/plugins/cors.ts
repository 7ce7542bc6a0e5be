import fp from 'fastify-plugin';

const EXPOSED_HEADERS = ['x-request-id', 'retry-after', 'ratelimit', 'ratelimit-policy'];

/** What the plugin adds to the answer of a request that comes from no page, and so names no origin. */
export function headersWithoutOrigin(origins: readonly string[]): Readonly<Record<string, string>> {
  if (origins.length === 0) return {};
  return { vary: 'Origin', 'access-control-expose-headers': EXPOSED_HEADERS.join(', ') };
}

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
      exposedHeaders: EXPOSED_HEADERS,
      maxAge: 600,
    });
  },
  { name: 'cors' },
);
