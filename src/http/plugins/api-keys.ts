import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import fp from 'fastify-plugin';
import { z } from 'zod';
import { Fault, Refusal } from '../../errors.js';

export const PERMISSIONS = ['predict', 'read', 'admin'] as const;
export type Permission = (typeof PERMISSIONS)[number];

const ApiKeysFileSchema = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        id: z.string().min(1).max(64).describe('Name of the key in logs'),
        sha256: z
          .string()
          .regex(/^[0-9a-f]{64}$/, 'expected the SHA-256 of the key as 64 lower-case hex digits'),
        permissions: z
          .array(z.enum(PERMISSIONS, `expected one of ${PERMISSIONS.join(', ')}`))
          .min(1, 'expected at least one permission'),
      }),
    )
    .min(1, 'expected at least one key'),
});

/** The keys that are known: only their hashes. */
export type ApiKeys = z.infer<typeof ApiKeysFileSchema>['keys'];

/**
 * Reads the file of API keys.
 * @throws Fault `invalid_config` with one line for each problem
 */
export async function readApiKeys(file: string): Promise<ApiKeys> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_config', [`API_KEYS_FILE: ${file} cannot be read as JSON: ${reason}`], error);
  }
  const parsed = ApiKeysFileSchema.safeParse(content);
  if (parsed.success) return parsed.data.keys;
  throw new Fault(
    'invalid_config',
    parsed.error.issues.map(({ path, message }) => `API_KEYS_FILE: ${file}: ${path.join('.')}: ${message}`),
  );
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a key must permit to use the route; none for routes that are open to everybody. */
    permission?: Permission;
  }
  interface FastifyRequest {
    /** Id of the API key that the request came with; empty when keys are not asked for. */
    keyId: string;
  }
}

/** Asks for an API key wherever a route names a permission; registered only when keys are configured. */
export const apiKeysPlugin = fp<{ keys: ApiKeys | undefined }>(
  (app, { keys }, done) => {
    app.decorateRequest('keyId', '');
    if (keys !== undefined) {
      const hashes = keys.map((key) => ({ ...key, hash: Buffer.from(key.sha256, 'hex') }));
      app.addHook('onRequest', (request, reply, next) => {
        const { permission } = request.routeOptions.config;
        if (permission === undefined) return next();
        const given = keyOf(request.headers);
        const found = given === undefined ? undefined : findKey(hashes, given);
        if (found === undefined) {
          reply.header('www-authenticate', 'Bearer');
          const what = given === undefined ? 'no API key was sent' : 'the API key is not known';
          return next(
            new Refusal('unauthorized', `${what}; expected one in x-api-key or authorization: Bearer`),
          );
        }
        if (!found.permissions.includes(permission)) {
          return next(
            new Refusal('forbidden', `key "${found.id}" does not have the permission "${permission}"`),
          );
        }
        request.keyId = found.id;
        next();
      });
    }
    done();
  },
  { name: 'api-keys' },
);

/** Whether any key may change what is served. */
export function hasAdmin(keys: ApiKeys | undefined): boolean {
  return keys?.some(({ permissions }) => permissions.includes('admin')) ?? false;
}

/** Compares with every hash, each in constant time, so that the time tells nothing of a key. */
function findKey<K extends { hash: Buffer }>(keys: readonly K[], given: string): K | undefined {
  const hash = createHash('sha256').update(given).digest();
  let found: K | undefined;
  for (const key of keys) if (timingSafeEqual(key.hash, hash)) found = key;
  return found;
}

function keyOf(headers: Record<string, string | string[] | undefined>): string | undefined {
  const { 'x-api-key': key, authorization } = headers;
  if (typeof key === 'string' && key !== '') return key;
  const bearer = typeof authorization === 'string' ? /^Bearer (\S+)$/i.exec(authorization) : null;
  return bearer?.[1];
}
