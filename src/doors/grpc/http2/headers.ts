import type { IncomingHttpHeaders } from 'node:http';
import type { Field } from './hpack.js';

/** Headers of one connection have no place in HTTP/2 (RFC 9113, section 8.2.2). */
const OF_CONNECTIONS = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
const PSEUDO = new Set([':method', ':scheme', ':path', ':authority']);

/** Headers by name; several of one name are joined as HTTP joins them. */
export type HeaderRecord = Readonly<IncomingHttpHeaders>;

/** What has been read of the same list of fields, which a connection sends again and again. */
const known = new WeakMap<readonly Field[], HeaderRecord>();

/** The headers of a request; undefined where they are none (RFC 9113, section 8.3). */
export function requestHeaders(fields: readonly Field[]): HeaderRecord | undefined {
  const before = known.get(fields);
  if (before !== undefined) return before;
  // Without a prototype: names come from anybody.
  const headers: IncomingHttpHeaders = Object.create(null);
  let isBehindPseudo = false;
  for (const [name, value] of fields) {
    if (name.startsWith(':')) {
      if (isBehindPseudo || !PSEUDO.has(name) || headers[name] !== undefined) return undefined;
    } else {
      isBehindPseudo = true;
      if (!isField(name, value)) return undefined;
    }
    const earlier = headers[name];
    headers[name] = earlier === undefined ? value : `${earlier}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  const { ':method': method, ':scheme': scheme, ':path': path } = headers;
  if (!method || !scheme || !path) return undefined;
  Object.freeze(headers);
  known.set(fields, headers);
  return headers;
}

/** Whether fields may follow a body. */
export function areTrailers(fields: readonly Field[]): boolean {
  return fields.every(([name, value]) => !name.startsWith(':') && isField(name, value));
}

function isField(name: string, value: string): boolean {
  if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name) || OF_CONNECTIONS.has(name)) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\x00\r\n]|^[ \t]|[ \t]$/.test(value)) return false;
  return name !== 'te' || value === 'trailers';
}
