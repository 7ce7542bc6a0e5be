import { type KeyObject, sign, verify } from 'node:crypto';
import { dsse } from '@sigstore/core';
import { PAYLOAD_TYPE } from './bundle.js';

/** The curves of the specification and the hash that belongs to each, by OpenSSL's names. */
const HASH_OF_CURVE: Readonly<Record<string, string>> = {
  prime256v1: 'sha256',
  secp384r1: 'sha384',
  secp521r1: 'sha512',
};

/** What a key is, where models cannot be signed with it; undefined where they can. */
export function unfitKey(key: KeyObject): string | undefined {
  const { namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec' && namedCurve !== undefined && namedCurve in HASH_OF_CURVE)
    return undefined;
  return `is ${key.asymmetricKeyType ?? 'no'} key${namedCurve === undefined ? '' : ` on ${namedCurve}`}, expected an elliptic curve key: P-256, P-384 or P-521`;
}

/** Signs a statement: ECDSA (DER) over DSSE's pre-authentication encoding. */
export function signPayload(payload: Buffer, key: KeyObject): Buffer {
  return sign(hashOf(key), dsse.preAuthEncoding(PAYLOAD_TYPE, payload), key);
}

/** Whether a statement was signed with the private half of `key`. */
export function isSignedWith(payload: Buffer, signature: Buffer, key: KeyObject): boolean {
  return verify(hashOf(key), dsse.preAuthEncoding(PAYLOAD_TYPE, payload), key, signature);
}

/**
 * Whether a statement of the form before 1.0 was signed with the private half of `key`. That release wrote
 * the payload as Python prints bytes, called its encoding DSSEV1, and hashed with SHA-256 on every curve.
 */
export function isSignedInOldFormWith(payload: Buffer, signature: Buffer, key: KeyObject): boolean {
  const encoded = `DSSEV1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} ${asPythonBytes(payload)}`;
  return verify('sha256', Buffer.from(encoded), key, signature);
}

function hashOf(key: KeyObject): string {
  return HASH_OF_CURVE[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? 'sha256';
}

/** Bytes as a Python literal: `b'...'`, with double quotes where single ones occur and double ones do not. */
function asPythonBytes(bytes: Buffer): string {
  const quote = bytes.includes("'") && !bytes.includes('"') ? '"' : "'";
  const names = new Map([
    [0x09, '\\t'],
    [0x0a, '\\n'],
    [0x0d, '\\r'],
    [0x5c, '\\\\'],
    [quote.charCodeAt(0), `\\${quote}`],
  ]);
  const text = Array.from(bytes, (byte) => {
    const isPrintable = byte >= 0x20 && byte < 0x7f;
    return (
      names.get(byte) ??
      (isPrintable ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`)
    );
  });
  return `b${quote}${text.join('')}${quote}`;
}
