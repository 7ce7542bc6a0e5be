import { createHash } from 'node:crypto';
import { createLocalJWKSet, errors, importJWK, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { z } from 'zod';
import { Fault, Refusal } from '../errors.js';
import { type Caller, PERMISSIONS } from './caller.js';
import { readJsonSetting } from './read-json-setting.js';

/** Signatures by public keys only: never `none`, and no HMAC, whose key could sign as well as verify. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

const MIN_RSA_BITS = 2048;
/** What the clocks of the issuer and of this machine may differ by. */
const CLOCK_TOLERANCE_S = 30;
const MAX_TOKEN_LENGTH = 8192;
/** Tokens whose verdict is kept; only signed ones get in. */
const MAX_KEPT_TOKENS = 10_000;
/** Signatures that are being checked at a time: by the threads that read files too, so not without bound. */
const MAX_BEING_VERIFIED = 64;

const JwkSchema = z.looseObject({
  kty: z.enum(['RSA', 'EC', 'OKP'], 'expected the public key of a pair: RSA, EC or OKP'),
  d: z.never({ error: 'is a private key; expected public keys only' }).exactOptional(),
  use: z.string().exactOptional(),
  alg: z.string().exactOptional(),
  crv: z.string().exactOptional(),
});

const JwksSchema = z.object({ keys: z.array(z.unknown()).min(1, 'expected at least one key') });

/** Finds the key that a token says that it is signed by. */
type TokenKeys = JWTVerifyGetKey;

/**
 * Reads the key set of the issuer of tokens. Keys for encryption and of algorithms that are not accepted
 * are passed over, as an issuer publishes them beside the others.
 * @throws Fault `invalid_config` with one line for each problem
 */
export async function readTokenKeys(file: string): Promise<TokenKeys> {
  const fault = (problem: string) => new Fault('invalid_config', [`JWT_JWKS_FILE: ${file}: ${problem}`]);
  const content = await readJsonSetting('JWT_JWKS_FILE', file);
  const set = JwksSchema.safeParse(content);
  if (!set.success) throw fault('expected a JSON Web Key Set, { "keys": [...] } with at least one key');
  const usable = set.data.keys.filter(isForSignatures);
  if (usable.length === 0) {
    throw fault(`none of its ${set.data.keys.length} keys verifies ${ALGORITHMS.join(', ')}`);
  }
  const parsed = z.array(JwkSchema).safeParse(usable);
  if (!parsed.success) {
    throw new Fault(
      'invalid_config',
      parsed.error.issues.map(
        ({ path, message }) => `JWT_JWKS_FILE: ${file}: keys.${path.join('.')}: ${message}`,
      ),
    );
  }
  for (const [i, jwk] of parsed.data.entries()) {
    const problem = await problemOf(jwk);
    if (problem !== undefined) throw fault(`keys.${i}: ${problem}`);
  }
  return createLocalJWKSet({ keys: parsed.data });
}

function isForSignatures(key: unknown): boolean {
  const found = z.looseObject({ use: z.unknown().optional(), alg: z.unknown().optional() }).safeParse(key);
  if (!found.success) return true;
  const { use, alg } = found.data;
  return use !== 'enc' && (typeof alg !== 'string' || ALGORITHMS.includes(alg));
}

async function problemOf(jwk: z.infer<typeof JwkSchema>): Promise<string | undefined> {
  const fallback = { RSA: 'RS256', EC: 'ES256', OKP: 'EdDSA' }[jwk.kty];
  try {
    const key = await importJWK(jwk, jwk.alg ?? (jwk.kty === 'EC' ? ecAlgorithm(jwk) : fallback));
    if (key instanceof Uint8Array) return 'expected a public key';
    const bits = 'modulusLength' in key.algorithm ? Number(key.algorithm.modulusLength) : MIN_RSA_BITS;
    return bits < MIN_RSA_BITS
      ? `expected an RSA key of ${MIN_RSA_BITS} bits or more, found ${bits}`
      : undefined;
  } catch (error) {
    return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function ecAlgorithm({ crv }: z.infer<typeof JwkSchema>): string {
  return crv === 'P-521' ? 'ES512' : crv === 'P-384' ? 'ES384' : 'ES256';
}

const PREFIX = 'diegate:';

/** The claims that say who and what; everything else of a token is ignored. */
const ClaimsSchema = z.object({
  sub: z.string().min(1),
  exp: z.number(),
  scope: z.string().optional().describe('Permissions as `diegate:predict`, separated by spaces'),
  permissions: z.array(z.unknown()).optional().describe('The same as an array'),
});

interface TokenVerifierOptions {
  readonly keys: TokenKeys;
  readonly issuer: string;
  readonly audience: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Verifies JSON Web Tokens. A token is verified once, off the event loop; its verdict is kept, by its hash,
 * until it expires.
 */
export class TokenVerifier {
  readonly #options: Omit<TokenVerifierOptions, 'keys'>;
  #keys: TokenKeys;
  // By hash, the least recently used first.
  #kept = new Map<string, { readonly caller: Caller; readonly expiresAtMs: number }>();
  #beingVerified = new Map<string, Promise<Caller>>();

  constructor({ keys, ...options }: TokenVerifierOptions) {
    this.#keys = keys;
    this.#options = options;
  }

  /** Verifies by these keys from now on, also what was verified by the old ones. */
  replaceKeys(keys: TokenKeys): void {
    this.#keys = keys;
    this.#kept = new Map();
    this.#beingVerified = new Map();
  }

  /**
   * Whom a token names, at once where it is known already.
   * @throws Refusal `unauthorized`, or `queue_full` when too many are being verified
   */
  verify(token: string): Caller | Promise<Caller> {
    if (token.length > MAX_TOKEN_LENGTH) {
      throw new Refusal('unauthorized', `the token has more than ${MAX_TOKEN_LENGTH} characters`);
    }
    const hash = createHash('sha256').update(token).digest('base64');
    const kept = this.#kept.get(hash);
    if (kept !== undefined) {
      this.#kept.delete(hash);
      if (this.#options.now() >= kept.expiresAtMs) throw new Refusal('unauthorized', 'the token has expired');
      this.#kept.set(hash, kept);
      return kept.caller;
    }
    const underWay = this.#beingVerified.get(hash);
    if (underWay !== undefined) return underWay;
    if (this.#beingVerified.size >= MAX_BEING_VERIFIED) {
      throw new Refusal('queue_full', `${MAX_BEING_VERIFIED} new tokens are being verified already`, {
        retryAfterSeconds: 1,
      });
    }
    const { kept: keep, pending } = { kept: this.#kept, pending: this.#beingVerified };
    const verified = this.#verifyNew(token).then(
      ({ caller, expiresAtMs }) => {
        pending.delete(hash);
        keep.set(hash, { caller, expiresAtMs });
        for (const oldest of keep.keys()) {
          if (keep.size <= MAX_KEPT_TOKENS) break;
          keep.delete(oldest);
        }
        return caller;
      },
      (error: unknown) => {
        pending.delete(hash);
        throw error;
      },
    );
    pending.set(hash, verified);
    return verified;
  }

  async #verifyNew(token: string): Promise<{ caller: Caller; expiresAtMs: number }> {
    const { issuer, audience, now } = this.#options;
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(token, this.#keys, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: new Date(now()),
        requiredClaims: ['sub', 'exp'],
      }));
    } catch (error) {
      throw new Refusal('unauthorized', reasonOf(error), { cause: error });
    }
    const claims = ClaimsSchema.safeParse(payload);
    if (!claims.success) {
      const path = claims.error.issues[0]?.path.join('.') ?? '';
      throw new Refusal('unauthorized', `the token's claim "${path}" is not of the type expected`);
    }
    const { sub, exp } = claims.data;
    const caller = { id: idOf(sub), permissions: permissionsOf(claims.data) };
    return { caller, expiresAtMs: (exp + CLOCK_TOLERANCE_S) * 1000 };
  }
}

/** Whether a bearer credential has the form of a token: three parts of base64url. */
export function isToken(credential: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(credential);
}

/** Plain characters of bounded number: a subject is somebody else's text. No key's id has a colon. */
function idOf(subject: string): string {
  return `jwt:${subject.replace(/[^\w.@:|/+=-]/g, '_').slice(0, 64)}`;
}

function permissionsOf({ scope = '', permissions = [] }: z.infer<typeof ClaimsSchema>) {
  const granted = new Set<unknown>([...scope.split(' '), ...permissions]);
  return PERMISSIONS.filter((permission) => granted.has(PREFIX + permission));
}

/** Why a token is refused; never what was in it. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'the token has expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    return `the token's claim "${error.claim}" is missing or not the one expected`;
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return "the token's signature is not valid";
  if (error instanceof errors.JOSEAlgNotAllowed)
    return 'the token is signed by an algorithm that is not accepted';
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
    return 'no single key of the issuer matches the token';
  }
  return 'the token cannot be read';
}
