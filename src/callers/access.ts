import type { FastifyBaseLogger } from 'fastify';
import { Refusal } from '../errors.js';
import { ReloadedFiles } from '../secrets/reloaded-files.js';
import type { Clock } from '../serving/clock.js';
import { type KeyRing, readApiKeys } from './api-keys.js';
import type { Caller } from './caller.js';
import type { TokenVerifier } from './tokens.js';

interface AccessOptions {
  readonly apiKeysFile: string | undefined;
  /** Whose tokens are accepted, and for whom they must have been made; undefined for none. */
  readonly tokens:
    | { readonly jwksFile: string; readonly issuer: string; readonly audience: string }
    | undefined;
  readonly reloadIntervalMs: number;
  readonly clock: Pick<Clock, 'after'>;
  readonly logger: Pick<FastifyBaseLogger, 'info' | 'error'>;
  /** See `ReloadedFilesOptions.onReloaded`. */
  readonly onReloaded?: ((what: string, files: readonly string[]) => void) | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Who may do what. */
export interface Access {
  /**
   * Whom a credential names, an API key or a token.
   * @throws Refusal `unauthorized`, at once or from the promise
   */
  identify(credential: string): Caller | Promise<Caller>;
  /** What can be sent, for refusals: "an API key", "a token" or both. */
  readonly expected: string;
  /** Whether anybody can have the permission `admin`: a key that has not expired, or a token. */
  hasAdmin(): boolean;
  /** Reads the files again, now. */
  reload(): Promise<void>;
  /** Looks for changed files no more. */
  stop(): void;
}

/**
 * Reads who may do what, and goes on watching the files; undefined where nobody is asked.
 * @throws Fault `invalid_config` with one line for each problem
 */
export async function openAccess(options: AccessOptions): Promise<Access | undefined> {
  const { apiKeysFile, tokens, reloadIntervalMs: intervalMs, clock, logger, onReloaded, now } = options;
  if (apiKeysFile === undefined && tokens === undefined) return undefined;
  const watch = { intervalMs, clock, logger, onReloaded };
  const keys =
    apiKeysFile === undefined
      ? undefined
      : await ReloadedFiles.open<KeyRing>({
          ...watch,
          what: 'API keys',
          files: [apiKeysFile],
          read: () => readApiKeys(apiKeysFile),
        });
  try {
    const verifier = tokens === undefined ? undefined : await openTokens(tokens, watch, now);
    return createAccess({ keys, verifier, now });
  } catch (error) {
    keys?.stop();
    throw error;
  }
}

interface OpenedTokens {
  readonly verifier: TokenVerifier;
  /** Whether a credential has the form of a token. */
  readonly isToken: (credential: string) => boolean;
  reload(): Promise<void>;
  stop(): void;
}

async function openTokens(
  { jwksFile, issuer, audience }: NonNullable<AccessOptions['tokens']>,
  watch: { intervalMs: number } & Pick<AccessOptions, 'clock' | 'logger' | 'onReloaded'>,
  now: () => number,
): Promise<OpenedTokens> {
  // With what verifies signatures, which few servers need.
  const { isToken, readTokenKeys, TokenVerifier } = await import('./tokens.js');
  const files = await ReloadedFiles.open({
    ...watch,
    what: 'token keys',
    files: [jwksFile],
    read: () => readTokenKeys(jwksFile),
    onReload: (keys) => verifier.replaceKeys(keys),
  });
  const verifier = new TokenVerifier({ keys: files.current, issuer, audience, now });
  return { verifier, isToken, reload: () => files.reload(), stop: () => files.stop() };
}

function createAccess({
  keys,
  verifier: tokens,
  now,
}: {
  readonly keys: ReloadedFiles<KeyRing> | undefined;
  readonly verifier: OpenedTokens | undefined;
  readonly now: () => number;
}): Access {
  const expected = [
    ...(keys === undefined ? [] : ['an API key in x-api-key or authorization: Bearer']),
    ...(tokens === undefined ? [] : ['a token in authorization: Bearer']),
  ].join(', or ');
  return {
    expected,
    identify(credential) {
      const holder = keys?.current.find(credential);
      if (holder !== undefined) {
        if (now() < holder.expiresAtMs) return holder;
        throw new Refusal('unauthorized', `the API key "${holder.id}" has expired`);
      }
      if (tokens?.isToken(credential)) return tokens.verifier.verify(credential);
      throw new Refusal('unauthorized', `the credential is not known; expected ${expected}`);
    },
    hasAdmin: () => tokens !== undefined || keys?.current.grants('admin', now()) === true,
    async reload() {
      await Promise.all([keys?.reload(), tokens?.reload()]);
    },
    stop() {
      keys?.stop();
      tokens?.stop();
    },
  };
}
