import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from '../errors.js';
import type { Access } from './access.js';
import type { Caller, Permission } from './caller.js';

/**
 * Who sends a request, by the key or the token in its headers; a promise for a token.
 * @param permission what the caller will be asked for
 * @throws Refusal `unauthorized` where there is no credential, or none that is known
 */
export function identify(
  access: Access,
  permission: Permission,
  headers: IncomingHttpHeaders,
): Caller | Promise<Caller> {
  const { 'x-api-key': key, authorization } = headers;
  const credential = typeof key === 'string' && key !== '' ? key : credentialOf(authorization, permission);
  if (credential !== undefined) return access.identify(credential);
  throw new Refusal('unauthorized', `no credential was sent; expected ${access.expected}`);
}

/**
 * The credential of an authorization header. A password counts where reading is asked for, so that a
 * browser can open the documentation and Prometheus the metrics; not elsewhere, because a browser sends
 * it along with whatever another site makes it post.
 */
function credentialOf(authorization: string | undefined, permission: Permission): string | undefined {
  const [, scheme = '', value] = /^(Bearer|Basic) +(\S+)$/i.exec(authorization ?? '') ?? [];
  if (scheme.toLowerCase() !== 'basic') return value;
  if (value === undefined || permission !== 'read') return undefined;
  const pair = Buffer.from(value, 'base64').toString();
  return pair.slice(pair.indexOf(':') + 1) || undefined;
}
