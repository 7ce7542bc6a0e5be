import type { Body } from '../../../rows/read-dies.js';

/** The head of a plain request for dies. */
export interface RequestHead {
  /** Bytes of the head, the empty line included. */
  readonly bytes: number;
  readonly path: string;
  /** By name in lower case, each of them sent once. */
  readonly headers: Readonly<Record<string, string>>;
  readonly media: Body['media'];
  readonly contentLength: number;
}

// What testers and HTTP libraries send with dies. A header that is not here may mean anything.
const KNOWN_HEADERS: ReadonlySet<string> = new Set([
  'host',
  'user-agent',
  'accept',
  'accept-encoding',
  'accept-language',
  'connection',
  'sec-fetch-mode',
  'content-type',
  'content-length',
  'authorization',
  'x-api-key',
  'x-request-id',
  'x-deadline-ms',
  'x-die-id',
  'x-die-ids',
  'x-lot-id',
  'x-wafer-id',
  'x-x',
  'x-y',
  'x-equipment-id',
  'x-stdf-file',
  // What proxies add of who called them; only the first means anything here (client-address.ts).
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-forwarded-scheme',
  'x-forwarded-server',
  'x-original-forwarded-for',
  'x-real-ip',
  'x-scheme',
  'forwarded',
  'via',
]);

const MEDIA: ReadonlyMap<string, Body['media']> = new Map([
  ['application/json', 'json'],
  ['application/json; charset=utf-8', 'json'],
  ['application/octet-stream', 'binary'],
]);

const HEAD_END = Buffer.from('\r\n\r\n');
const REQUEST_LINE = /^POST (\/[\x21-\x7e]*) HTTP\/1\.1$/;
// listener.ts lets node:http read 65,536: what is read here, it would read.
const MAX_HEAD_BYTES = 60_000;
// No sign, no space, no leading zero, and so few digits that it cannot overflow: up to a gigabyte.
const PLAIN_LENGTH = /^[1-9]\d{0,8}$/;
const NOT_PLAIN = /[^\x20-\x7e]/;

/** The head that some bytes begin with, without the empty line at its end; undefined where that has not come. */
export function headText(bytes: Buffer): string | undefined {
  const end = bytes.indexOf(HEAD_END);
  return end === -1 || end > MAX_HEAD_BYTES ? undefined : bytes.toString('latin1', 0, end);
}

/**
 * The head of a request as testers send it, or undefined for everything else, which says nothing of whether
 * it is valid: node:http then reads the same bytes. What is accepted can be read in one way only (RFC
 * 9112): a POST of HTTP/1.1 with one host, one content-length of plain digits, known headers, each once, in
 * visible ASCII without folded lines, and nothing that would change how the body is framed or the
 * connection goes on.
 * @param text as `headText` gives it
 */
export function readHead(text: string): RequestHead | undefined {
  const lines = text.split('\r\n');
  const path = REQUEST_LINE.exec(lines[0] ?? '')?.[1];
  if (path === undefined) return undefined;
  const headers: Record<string, string> = {};
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] ?? '';
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    if (!KNOWN_HEADERS.has(name) || headers[name] !== undefined || NOT_PLAIN.test(line)) return undefined;
    headers[name] = line.slice(colon + 1).trim();
  }
  const { host, connection, 'content-length': length = '', 'content-type': type = '' } = headers;
  const media = MEDIA.get(type.toLowerCase());
  if (!host || media === undefined || !PLAIN_LENGTH.test(length)) return undefined;
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return undefined;
  return { bytes: text.length + HEAD_END.length, path, headers, media, contentLength: Number(length) };
}
