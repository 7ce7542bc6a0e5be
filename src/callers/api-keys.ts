import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { Fault } from '../errors.js';
import { type Caller, PERMISSIONS, type Permission } from './caller.js';
import { readJsonSetting } from './read-json-setting.js';

/** Every request is compared with every key, at 0.1 µs each: a thousand cost as much as decoding a die. */
const MAX_KEYS = 1000;

const sha256Fault = 'expected the SHA-256 of the key as 64 lower-case hex digits';

/** One key as the file holds it: everything but the key. */
export const ApiKeySchema = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, 'expected 1 to 64 letters, digits, dots, hyphens or underscores')
    .describe('Name of the key in logs'),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, sha256Fault),
  permissions: z
    .array(z.enum(PERMISSIONS, `expected one of ${PERMISSIONS.join(', ')}`))
    .min(1, 'expected at least one permission'),
  expires: z.iso
    .datetime({ offset: true, error: 'expected an ISO 8601 time such as 2027-01-31T00:00:00Z' })
    .optional()
    .describe('From when on the key is refused'),
});

export type ApiKey = z.infer<typeof ApiKeySchema>;

const ApiKeysFileSchema = z.strictObject({
  keys: z
    .array(ApiKeySchema)
    .min(1, 'expected at least one key')
    .max(MAX_KEYS, `expected at most ${MAX_KEYS} keys`)
    .superRefine((keys, context) => {
      for (const field of ['id', 'sha256'] as const) {
        const first = new Map<string, number>();
        keys.forEach((key, i) => {
          const earlier = first.get(key[field]);
          if (earlier === undefined) first.set(key[field], i);
          else
            context.addIssue({ code: 'custom', path: [i, field], message: `is that of key ${earlier} too` });
        });
      }
    }),
});

/**
 * Reads the file of API keys.
 * @throws Fault `invalid_config` with one line for each problem
 */
export async function readApiKeys(file: string): Promise<KeyRing> {
  const content = await readJsonSetting('API_KEYS_FILE', file);
  const parsed = ApiKeysFileSchema.safeParse(content);
  if (parsed.success) return new KeyRing(parsed.data.keys);
  throw new Fault(
    'invalid_config',
    parsed.error.issues.map(({ path, message }) => `API_KEYS_FILE: ${file}: ${path.join('.')}: ${message}`),
  );
}

/** The SHA-256 of a key, which is all that is kept of it: a key is random, so that it needs no salt. */
export function hashKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** A caller that is known by its key. */
interface KeyHolder extends Caller {
  /** From when on the key is refused, in milliseconds since 1970; Infinity for never. */
  readonly expiresAtMs: number;
}

/** The API keys that are known: only their hashes. */
export class KeyRing {
  readonly #keys: readonly (KeyHolder & { readonly hash: Buffer })[];

  constructor(keys: readonly ApiKey[]) {
    this.#keys = keys.map(({ id, permissions, sha256, expires }) => ({
      id,
      permissions,
      hash: Buffer.from(sha256, 'hex'),
      expiresAtMs: expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(expires),
    }));
  }

  /** Compares with every hash, each in constant time, so that the time tells nothing of a key. */
  find(given: string): KeyHolder | undefined {
    const hash = hashKey(given);
    let found: KeyHolder | undefined;
    for (const key of this.#keys) if (timingSafeEqual(key.hash, hash)) found = key;
    return found;
  }

  /** Whether a key that has not expired has the permission. */
  grants(permission: Permission, nowMs: number): boolean {
    return this.#keys.some((key) => key.permissions.includes(permission) && nowMs < key.expiresAtMs);
  }
}
