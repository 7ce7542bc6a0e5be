import { Fault } from '../errors.js';
import { type ApiKey, ApiKeySchema, hashKey } from './api-keys.js';

const KEY_BYTES = 32;

/**
 * A new API key of 256 random bits, and its entry for the file.
 * @param random gives as many random bytes as it is asked for
 * @throws Fault `invalid_usage` with one line for each problem of the entry
 */
export function newApiKey(
  entry: {
    readonly id: string;
    readonly permissions: readonly string[];
    readonly expires: string | undefined;
  },
  random: (bytes: number) => Buffer,
): { readonly key: string; readonly entry: ApiKey } {
  const key = `dg_${random(KEY_BYTES).toString('base64url')}`;
  const { id, permissions, expires } = entry;
  const sha256 = hashKey(key).toString('hex');
  const parsed = ApiKeySchema.safeParse({
    id,
    sha256,
    permissions,
    ...(expires === undefined ? {} : { expires }),
  });
  if (parsed.success) return { key, entry: parsed.data };
  throw new Fault(
    'invalid_usage',
    parsed.error.issues.map(({ path, message }) => `--${String(path[0])}: ${message}`),
  );
}
