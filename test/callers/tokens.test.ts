import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { isToken, readTokenKeys, TokenVerifier } from '../../src/callers/tokens.js';
import { Fault, Refusal } from '../../src/errors.js';
import { temporaryFolder } from '../support/models.js';

const ISSUER = 'https://issuer.example';
const AUDIENCE = 'diegate';
const NOW_S = 1_800_000_000;

const [signer, other] = await Promise.all([generateKeyPair('ES256'), generateKeyPair('ES256')]);
const publicJwk = { ...(await exportJWK(signer.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };

async function fileOf(content: unknown): Promise<string> {
  const file = join(await temporaryFolder(), 'jwks.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

async function verifierAt(clock: { nowS: number }): Promise<TokenVerifier> {
  const keys = await readTokenKeys(await fileOf({ keys: [publicJwk] }));
  return new TokenVerifier({ keys, issuer: ISSUER, audience: AUDIENCE, now: () => clock.nowS * 1000 });
}

const good: JWTPayload = {
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'cell-7',
  exp: NOW_S + 600,
  scope: 'openid diegate:predict',
};

function sign(
  claims: JWTPayload,
  { key = signer.privateKey, alg = 'ES256', kid = 'one' } = {},
): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(key);
}

/** What a token is refused with. */
async function refusalOf(token: string, clock = { nowS: NOW_S }): Promise<Refusal> {
  const verifier = await verifierAt(clock);
  try {
    await verifier.verify(token);
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  return expect.fail('the token was accepted');
}

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

test('a token names its subject and what it may do, by scope or by a list', async () => {
  const verifier = await verifierAt({ nowS: NOW_S });
  expect(await verifier.verify(await sign(good))).toEqual({ id: 'jwt:cell-7', permissions: ['predict'] });
  const listed = { ...good, scope: 'x', permissions: ['diegate:read', 'diegate:admin', 'read', 7] };
  expect((await verifier.verify(await sign(listed))).permissions).toEqual(['read', 'admin']);
  const none = { ...good, scope: 'predict read diegate:predictx' };
  expect((await verifier.verify(await sign(none))).permissions).toEqual([]);
});

test('a subject is made plain and short before it is logged', async () => {
  const verifier = await verifierAt({ nowS: NOW_S });
  const hostile = await verifier.verify(await sign({ ...good, sub: `"\r\n\u001b[31m${'x'.repeat(500)}` }));
  expect(hostile.id).toMatch(/^jwt:[\w]{64}$/);
});

describe('a token is refused', () => {
  test.each<[string, JWTPayload, string]>([
    ['that has expired', { ...good, exp: NOW_S - 60 }, 'the token has expired'],
    ['that is not yet valid', { ...good, nbf: NOW_S + 60 }, '"nbf"'],
    ['of another issuer', { ...good, iss: 'https://evil.example' }, '"iss"'],
    ['for another audience', { ...good, aud: 'other' }, '"aud"'],
    ['without an expiry', { iss: ISSUER, aud: AUDIENCE, sub: 'a' }, '"exp"'],
    ['without a subject', { iss: ISSUER, aud: AUDIENCE, exp: NOW_S + 600 }, '"sub"'],
    ['without an issuer', { aud: AUDIENCE, sub: 'a', exp: NOW_S + 600 }, '"iss"'],
  ])('%s', async (_, claims, words) => {
    const refusal = await refusalOf(await sign(claims));
    expect(refusal.code).toBe('unauthorized');
    expect(refusal.message).toContain(words);
  });

  test('by a clock that differs from the issuer by 20 s it is not', async () => {
    const verifier = await verifierAt({ nowS: NOW_S });
    await verifier.verify(await sign({ ...good, exp: NOW_S - 20, nbf: NOW_S - 900 }));
    await verifier.verify(await sign({ ...good, nbf: NOW_S + 20 }));
  });

  test('signed by another key', async () => {
    expect((await refusalOf(await sign(good, { key: other.privateKey }))).message).toContain('signature');
  });

  test('that names a key that is not there', async () => {
    expect((await refusalOf(await sign(good, { kid: 'two' }))).message).toContain('no single key');
  });

  test('without a signature (alg none)', async () => {
    const token = `${base64({ alg: 'none', kid: 'one' })}.${base64(good)}.`;
    expect((await refusalOf(token)).code).toBe('unauthorized');
  });

  test('signed with the public key as the secret of an HMAC', async () => {
    const secret = Buffer.from(JSON.stringify(publicJwk));
    const token = await new SignJWT(good).setProtectedHeader({ alg: 'HS256', kid: 'one' }).sign(secret);
    expect((await refusalOf(token)).message).toContain('algorithm');
  });

  test('that brings its own key', async () => {
    const jwk = await exportJWK(other.publicKey);
    const token = await new SignJWT(good).setProtectedHeader({ alg: 'ES256', jwk }).sign(other.privateKey);
    expect((await refusalOf(token)).code).toBe('unauthorized');
  });

  test.each(['..', 'a.b.c', `${'a'.repeat(9000)}.b.c`, `${base64({ alg: 'ES256' })}.${base64([])}.AAAA`])(
    'that is none: %.30s',
    async (token) => {
      const refusal = await refusalOf(token);
      expect(refusal.code).toBe('unauthorized');
      expect(refusal.message).not.toContain(token.slice(0, 20));
    },
  );
});

describe('a token that was verified', () => {
  test('is known at once, until it expires', async () => {
    const clock = { nowS: NOW_S };
    const verifier = await verifierAt(clock);
    const token = await sign(good);
    await verifier.verify(token);
    expect(verifier.verify(token)).not.toBeInstanceOf(Promise);
    clock.nowS = NOW_S + 700;
    expect(() => verifier.verify(token)).toThrow('expired');
    await expect(Promise.resolve(verifier.verify(token))).rejects.toThrow('expired');
  });

  test('is verified once by many requests at a time', async () => {
    const verifier = await verifierAt({ nowS: NOW_S });
    const token = await sign(good);
    expect(verifier.verify(token)).toBe(verifier.verify(token));
  });

  test('is refused once its key has been taken away', async () => {
    const verifier = await verifierAt({ nowS: NOW_S });
    const token = await sign(good);
    await verifier.verify(token);
    const next = { ...(await exportJWK(other.publicKey)), kid: 'next', alg: 'ES256' };
    verifier.replaceKeys(await readTokenKeys(await fileOf({ keys: [next] })));
    await expect(Promise.resolve(verifier.verify(token))).rejects.toThrow('no single key');
  });
});

test('more new tokens at a time than can be verified are put off with 503', async () => {
  const verifier = await verifierAt({ nowS: NOW_S });
  const token = await sign(good);
  const pending = Array.from({ length: 64 }, (_, i) => verifier.verify(`${token.slice(0, -4)}${1000 + i}`));
  expect(() => verifier.verify(token)).toThrow(expect.objectContaining({ code: 'queue_full' }));
  await Promise.allSettled(pending);
  expect(await verifier.verify(token)).toMatchObject({ id: 'jwt:cell-7' });
});

describe('a key set', () => {
  test('may hold keys for encryption and of other algorithms, which are passed over', async () => {
    const enc = { ...publicJwk, kid: 'enc', use: 'enc', alg: 'ECDH-ES' };
    await readTokenKeys(await fileOf({ keys: [enc, { kty: 'AKP', alg: 'ML-DSA-44' }, publicJwk] }));
    await expect(readTokenKeys(await fileOf({ keys: [enc] }))).rejects.toThrow(/none of its 1 keys/);
  });

  test('with a private or a shared key, a short RSA key or none at all is refused', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const weak = { kty: 'RSA', n: Buffer.alloc(128, 0xff).toString('base64url'), e: 'AQAB' };
    for (const [content, words] of [
      [{ keys: [await exportJWK(privateKey)] }, /keys.0.d: is a private key/],
      [{ keys: [{ kty: 'oct', k: 'AAAA' }] }, /keys.0.kty: expected the public key of a pair/],
      [{ keys: [weak] }, /expected an RSA key of 2048 bits or more, found 1024/],
      [{ keys: [] }, /expected a JSON Web Key Set/],
      ['{"keys": secret', /it is not JSON$/],
    ] as const) {
      const error: unknown = await readTokenKeys(await fileOf(content)).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Fault);
      expect(String(error)).toMatch(words);
    }
  });
});

test('an API key is not taken for a token', () => {
  expect(isToken('dg_BgMzkWq9MubKOfbVqtiNrd36BIYvYZ5XbAfl1KGJGjs')).toBe(false);
  expect(isToken('a.b.c')).toBe(true);
});
