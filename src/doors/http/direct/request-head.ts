import type { Body } from '../../../rows/read-dies.js';
import type { Lane } from '../../../serving/batching/queue.js';

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
  'x-insertion',
  'x-touchdown',
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
function headText(bytes: Buffer): string | undefined {
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
function readHead(text: string): RequestHead | undefined {
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

// More than the testers of a floor send; beyond it the next ones are read anew.
const MAX_KNOWN = 512;
// A longer one is nobody's usual one, and would be kept in memory, credentials and all.
const MAX_LENGTH = 2_048;

// Headers that are other ones with each die, as lines behind another line.
const ID_LINES = /\r\n(x-die-ids?|x-request-id):([^\r\n]*)/gi;

/**
 * Reads heads, and remembers what they say by their very bytes: a tester sends the same one with every die, but for the length of
 * the body and the ids of die and request. Those are left out of what is remembered, and read anew each time.
 */
export class KnownHeads {
  readonly #known = new Map<string, RequestHead>();

  /** The head that some bytes begin with, as `readHead` reads it; undefined also where its end has not come. */
  read(bytes: Buffer): RequestHead | undefined {
    const text = headText(bytes);
    if (text === undefined) return undefined;
    const ids: [string, string][] = [];
    const usual = text.replace(ID_LINES, (_, name: string, value: string) => {
      ids.push([name.toLowerCase(), value]);
      return `\r\n${name}:`;
    });
    const known = this.#known.get(usual);
    if (known !== undefined) return ids.length === 0 ? known : withIds(known, ids, text);
    const head = readHead(text);
    if (head === undefined || usual.length > MAX_LENGTH) return head;
    if (this.#known.size === MAX_KNOWN) this.#known.clear();
    this.#known.set(usual, head);
    return head;
  }
}

/** A head like another one, whose names are all the same, but with ids of its own; undefined where they are not plain. */
function withIds(
  known: RequestHead,
  ids: readonly (readonly [string, string])[],
  text: string,
): RequestHead | undefined {
  const headers = { ...known.headers };
  for (const [name, value] of ids) {
    if (NOT_PLAIN.test(value)) return undefined;
    headers[name] = value.trim();
  }
  return { ...known, bytes: text.length + HEAD_END.length, headers };
}

/** Where the dies of a request are to go, as its path says. */
export interface Address {
  /** Pattern of the route, as in the documentation. */
  readonly route: string;
  readonly model: string | undefined;
  readonly version: string | undefined;
  /** One die in the realtime lane, any number in the bulk lane. */
  readonly lane: Lane;
}

const UNNAMED: ReadonlyMap<string, Address> = new Map(
  (['/predict', '/predict/batch'] as const).map((route) => [
    route,
    { route, model: undefined, version: undefined, lane: laneOf(route) },
  ]),
);
// Names that stand for themselves: nothing to decode.
const NAMED =
  /^\/models\/([A-Za-z0-9._-]{1,128})(?:\/versions\/([A-Za-z0-9._-]{1,128}))?(\/predict(?:\/batch)?)$/;

/** The address of a path for dies; undefined for every other path, and where it is not plainly written. */
export function addressOf(path: string): Address | undefined {
  const unnamed = UNNAMED.get(path);
  if (unnamed !== undefined) return unnamed;
  const [, model, version, end] = NAMED.exec(path) ?? [];
  if (model === undefined || end === undefined) return undefined;
  const prefix = version === undefined ? '/models/:model' : '/models/:model/versions/:version';
  return { route: `${prefix}${end}`, model, version, lane: laneOf(end) };
}

function laneOf(end: string): Lane {
  return end.endsWith('/batch') ? 'bulk' : 'realtime';
}
